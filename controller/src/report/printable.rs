//! The report without characters that change how a terminal, a page or a runner shows other text. Each type names all of its
//! fields here, so that a new text cannot be forgotten.

use std::{path::PathBuf, sync::Arc};

use super::{
    Declared, Extent, LeftOut, Place, Report, ReportedAcceptance, ReportedFinding, ReportedSandbox,
    ReportedWaiver, Run, Subject,
    model_v1::{Citation, Profile, RanPod, ReportedObservation},
};
use crate::support::printable::line;

/// A value whose texts may come from outside.
trait Clean {
    /// Makes every text one line without harmful characters.
    fn clean(&mut self);
}

impl Report {
    /// Returns the report for formats that people read.
    pub(crate) fn printable(&self) -> Self {
        let mut report = self.clone();
        report.clean();
        report
    }
}

impl Clean for String {
    fn clean(&mut self) {
        *self = line(self);
    }
}

impl Clean for PathBuf {
    fn clean(&mut self) {
        *self = line(&self.to_string_lossy()).into();
    }
}

impl<T: Clean> Clean for Option<T> {
    fn clean(&mut self) {
        self.iter_mut().for_each(Clean::clean);
    }
}

impl<T: Clean> Clean for Vec<T> {
    fn clean(&mut self) {
        self.iter_mut().for_each(Clean::clean);
    }
}

/// A value that sandboxes share stays shared if nothing in it is harmful.
impl<T: Clean + Clone + PartialEq> Clean for Arc<T> {
    fn clean(&mut self) {
        let mut cleaned = T::clone(self);
        cleaned.clean();
        if cleaned != **self {
            *self = Self::new(cleaned);
        }
    }
}

/// Cleans each text of a struct; the fields after `;` have no text from outside.
macro_rules! clean {
    ($name:ident { $($text:ident),+ $(; $($other:ident),+)? }) => {
        impl Clean for $name {
            fn clean(&mut self) {
                let Self { $($text,)+ $($($other: _,)+)? } = self;
                $($text.clean();)+
            }
        }
    };
}

clean!(Report {
    extent, run, environment, profiles, policy, waivers, accepted, scope, not_judged, notes, sandboxes;
    version, verdict, score, only_production
});
clean!(Extent { restricted_to, left_out; whole });
clean!(LeftOut { names; by, noun });
clean!(Profile { allowed; kind });
clean!(Run { id, started_at, controller, place });
clean!(Declared { source, remarks; environment });
clean!(ReportedWaiver { scope, owner, reason, expires; requirement, standing, needed, line });
clean!(ReportedAcceptance { name, owner, reason; of, line });
clean!(ReportedSandbox { subject, probe, pod, findings, observations; verdict, platforms });
clean!(ReportedFinding {
    because, evidence;
    id, title, area, class, mandatory, enforcement, outcome, disguise, protects, remedy, platform_remedies, mappings
});
clean!(Citation { text; source });
clean!(ReportedObservation { outcome; observer });
clean!(RanPod { name, node, container_id, image_id, known_digests; asked_after_ms });

impl Clean for Place {
    fn clean(&mut self) {
        match self {
            Self::Machine { host, kernel } => [host, kernel].into_iter().for_each(Clean::clean),
            Self::Cluster { server, version, namespace } => {
                version.clean();
                [server, namespace].into_iter().for_each(Clean::clean);
            }
        }
    }
}

impl Clean for Subject {
    fn clean(&mut self) {
        match self {
            Self::Sandbox { runtime, bundle } => {
                runtime.clean();
                bundle.clean();
            }
            Self::Container { runtime, id } => {
                runtime.clean();
                id.clean();
            }
            Self::Unsandboxed => (),
            Self::Pods {
                namespace,
                pool,
                node_kind,
                node,
                runtime_class,
                policies,
                represents,
                running_pod,
            } => {
                [namespace, pool].into_iter().for_each(Clean::clean);
                [node_kind, node, runtime_class, running_pod].into_iter().for_each(Clean::clean);
                [policies, represents].into_iter().for_each(Clean::clean);
            }
        }
    }
}

#[cfg(test)]
mod tests;
