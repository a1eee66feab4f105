//! `controller image`: writes or pushes the images of the probe or the controller, and prints the next steps.

use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
};

use clap::{ArgGroup, Args};

use super::{
    completed,
    console::{say, tell},
    files::{Files, SharedFile},
};
use crate::{
    image::{self, Cause, Content, Image, Images, Name, embedded, registry},
    judge::exit::Exit,
    run::interrupt::Interrupt,
    support::{
        architecture::Architecture,
        file,
        world::{self, Stream},
    },
};

/// The running program, even after its path was replaced or removed (proc(5)).
const MYSELF: &str = "/proc/self/exe";

/// Writes the OCI image of the probe or the controller to a file, or pushes it to a registry, for each architecture whose
/// program this controller has
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("place").required(true),
    after_help = "Examples:\n  controller image probe.tar\n  controller image --push \
    registry.example/podproof/probe\n  controller image controller.tar --of controller\n  skopeo copy --all --preserve-digests \
    oci-archive:probe.tar docker://registry.example/probe\n\n`ctr images import`, `docker load`, `skopeo copy` and \
    `crane push` read the archive. A run knows the probe's image by its digest. `docker push`, `skopeo copy` without \
    --preserve-digests, and `crane push` of the archive change that digest: give the new digest to `controller verify \
    --image-digest`, or have `crane push` read the folder of the unpacked archive. `docker load` without \
    containerd's image store takes the image of amd64 alone; `--platform` writes another one. Standard output is one line: the \
    image's reference by digest.\n\nExit codes: 0 done, 2 wrong usage, or a program that is missing or not static, 4 could not \
    write or push, 130 interrupted while the image was pushed"
)]
pub(super) struct Arguments {
    /// The archive file to write
    #[arg(value_name = "FILE", group = "place")]
    file: Option<PathBuf>,
    /// Push to this registry, repository and tag, with the credentials of `docker login` [default tag: the version]
    #[arg(long, value_name = "REF", group = "place")]
    push: Option<Name>,
    /// Use HTTP without TLS for the registry
    #[arg(long, conflicts_with = "file")]
    plain_http: bool,
    /// The program in the image
    #[arg(long, value_enum, value_name = "PROGRAM", default_value = "probe")]
    of: Content,
    /// A static controller of another architecture, for the image of the controller; may be repeated
    #[arg(long = "also", value_name = "FILE")]
    others: Vec<PathBuf>,
    /// The only platform of the image: linux/amd64 or linux/arm64 [default: every platform whose program this controller has]
    #[arg(long, value_name = "PLATFORM", value_parser = platform)]
    platform: Option<Architecture>,
    /// The image's name in the archive [default: podproof.invalid/probe or podproof.invalid/controller, tagged with the
    /// version]
    #[arg(long, value_name = "REF", conflicts_with = "push")]
    name: Option<Name>,
}

/// A failure to write or push the image.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("this controller was built without a probe")]
    NoProbe,
    #[error("this controller has no {content} for linux/{architecture}")]
    NoneFor { content: Content, architecture: Architecture },
    #[error("--also adds controllers alone: the probes are part of this controller")]
    AlsoProbes,
    #[error("failed to read {}", path.display())]
    ReadOther { path: PathBuf, source: io::Error },
    #[error("failed to read the running controller")]
    ReadMyself(#[source] io::Error),
    #[error("failed to make the image of the {content}")]
    Make { content: Content, source: image::Error },
    #[error(transparent)]
    SharedFile(#[from] SharedFile),
    #[error("failed to write the archive")]
    WriteFile(#[from] file::Error),
    #[error("failed to start the client of the registry")]
    Runtime(#[source] io::Error),
    #[error("failed to watch for signals")]
    Signals(#[source] io::Error),
    #[error("failed to push the image")]
    Push(#[from] registry::Error),
    #[error("a signal ended the push before the registry confirmed the image")]
    Interrupted,
    #[error("failed to write the reference")]
    WriteReference(#[source] io::Error),
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        match self.deliver() {
            Ok(()) => Exit::Ready,
            Err(error) => {
                tell(&error, error.help());
                error.exit()
            }
        }
    }

    fn deliver(self) -> Result<(), Error> {
        let images = self.images()?;
        let (pinned, next) = match (self.push, self.file) {
            (Some(name), _) => {
                push(&images, &name, self.plain_http)?;
                let pinned = name.pinned(&images);
                (pinned.clone(), format!("next: {}", trial(self.of, &pinned)))
            }
            (None, path) => {
                let name = self.name.unwrap_or_else(|| images.reference_name());
                let path = path.unwrap_or_default();
                let files = Files::default().writes("the archive", Some(&path));
                let others = self.others.iter();
                others
                    .fold(files, |files, other| files.reads("the controller of --also", Some(other)))
                    .check()?;
                let archive =
                    images.archive(&name).map_err(|source| Error::Make { content: self.of, source })?;
                file::write(&path, &archive)?;
                // A node that imports an archive knows the image by its name alone, without a digest.
                let trial = trial(self.of, &name.to_string());
                let import = format!("ctr --namespace k8s.io images import {}", quoted(&path));
                (name.pinned(&images), format!("next, on every node: {import}\nthen: {trial}"))
            }
        };
        world::write(Stream::Output, format!("{pinned}\n").as_bytes()).map_err(Error::WriteReference)?;
        next.lines().for_each(say);
        Ok(())
    }

    /// Returns the images of every architecture, or of the wanted one.
    fn images(&self) -> Result<Images, Error> {
        let content = self.of;
        let made =
            |image: Result<Image, image::Error>| image.map_err(|source| Error::Make { content, source });
        let mut images = Vec::new();
        match content {
            _ if let Some(world) = world::simulated() => {
                images.push(made(Image::of_probe(&world.program()))?);
            }
            Content::Probe if !self.others.is_empty() => return Err(Error::AlsoProbes),
            Content::Probe => {
                for (_, probe) in embedded::probes() {
                    images.push(made(Image::of_probe(probe))?);
                }
                if images.is_empty() {
                    return Err(Error::NoProbe);
                }
            }
            Content::Controller => {
                let own = fs::read(MYSELF).map_err(Error::ReadMyself)?;
                images.push(made(Image::of_controller(&own))?);
                for path in &self.others {
                    let other =
                        fs::read(path).map_err(|source| Error::ReadOther { path: path.clone(), source })?;
                    images.push(made(Image::of_controller(&other))?);
                }
            }
        }
        if let Some(architecture) = self.platform {
            images.retain(|image| image.architecture() == architecture);
            if images.is_empty() {
                return Err(Error::NoneFor { content, architecture });
            }
        }
        Images::of(images).map_err(|source| Error::Make { content, source })
    }
}

/// Returns the architecture of a platform, such as `linux/arm64`; the system may be left out.
fn platform(text: &str) -> Result<Architecture, String> {
    let name = text.strip_prefix("linux/").unwrap_or(text);
    Architecture::named(name).ok_or_else(|| "give linux/amd64 or linux/arm64".to_owned())
}

/// Returns the path quoted for a shell; a path that no shell accepts is returned unquoted.
fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    shlex::try_quote(&path).map_or_else(|_| path.to_string(), Cow::into_owned)
}

/// Returns the command that uses the image.
fn trial(content: Content, reference: &str) -> String {
    match content {
        Content::Probe => format!("controller verify --namespace NAMESPACE --image {reference}"),
        Content::Controller => {
            format!("kubectl run podproof --rm --attach --restart Never --image {reference} -- --version")
        }
    }
}

fn push(images: &Images, name: &Name, plain_http: bool) -> Result<(), Error> {
    let pushed = completed(async {
        let mut interrupt = Interrupt::watch().map_err(Error::Signals)?;
        tokio::select! {
            biased;
            () = interrupt.arrival() => Err(Error::Interrupted),
            pushed = registry::push(images, name, plain_http) => Ok(pushed?),
        }
    });
    pushed.map_err(Error::Runtime)?.unwrap_or(Err(Error::Interrupted))
}

/// Returns the remedy for a failed push.
const fn of_push(cause: Cause) -> &'static str {
    match cause {
        Cause::Configuration => {
            "`docker login` writes the credentials; DOCKER_CONFIG names the folder of their config.json"
        }
        Cause::Helper => {
            "install the credential helper in a folder of PATH; or name another one in `credHelpers` or `credsStore` of docker's \
             config.json, and run `docker login`"
        }
        Cause::IdentityToken => {
            "run `docker login` with a user and a password or an access token; or write the image to a file by `controller image \
             FILE`, and push the file by another program"
        }
        Cause::NoAuthorities => {
            "install the certificates of the authorities that this machine trusts, or name a file with them by SSL_CERT_FILE"
        }
        Cause::UnknownAuthority => {
            "install the certificate of the registry's authority on this machine, or name a PEM file with it by SSL_CERT_FILE"
        }
        Cause::Certificate => {
            "check the registry's name and this machine's clock; the registry needs a certificate that is valid for its name"
        }
        Cause::NoTls => "add --plain-http if the registry has no TLS",
        Cause::User => "run `docker login` as a user who may push to this repository",
        Cause::Other => {
            "check that the registry is reachable by this name, and that it has the repository; add --plain-http if the registry has no TLS"
        }
    }
}

impl Error {
    fn help(&self) -> Option<&'static str> {
        match self {
            Self::NoProbe => Some("build the probe in with `make build`"),
            Self::NoneFor { content: Content::Probe, .. } => {
                Some("`make dist` builds controllers with the probes of all architectures")
            }
            Self::NoneFor { content: Content::Controller, .. } => Some(
                "`make dist` builds the controllers of all architectures; name another one by --also FILE",
            ),
            Self::AlsoProbes => Some("leave --also out, or give `--of controller`"),
            Self::ReadOther { .. } => {
                Some("--also takes the path of a static controller; `make dist` builds one")
            }
            Self::Make { source: image::Error::Twice(_), .. } => {
                Some("--also takes the controllers of other architectures than this controller's")
            }
            Self::Make { source: image::Error::Dynamic(Content::Controller), .. } => {
                Some("`make controller-static` builds a static controller; run its `image --of controller`")
            }
            Self::Make { .. } => Some("`make build` builds a controller with a static probe inside"),
            Self::SharedFile(_) => Some("name a new file: the archive would replace the controller"),
            Self::WriteFile(file::Error::NoFile(_)) => Some("name a new file, or a file to replace"),
            Self::WriteFile(_) => Some("name a file in an existing, writable folder"),
            Self::Push(error) => Some(of_push(Cause::of(error))),
            Self::Interrupted => Some("push again; parts that the registry has are not sent again"),
            Self::ReadMyself(_) | Self::Runtime(_) | Self::Signals(_) | Self::WriteReference(_) => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NoProbe
            | Self::NoneFor { .. }
            | Self::AlsoProbes
            | Self::ReadOther { .. }
            | Self::Make { source: image::Error::Dynamic(_) | image::Error::Twice(_), .. }
            | Self::SharedFile(_)
            | Self::WriteFile(file::Error::NoFile(_)) => Exit::Usage,
            Self::Interrupted => Exit::Interrupted,
            _ => Exit::CouldNotRun,
        }
    }
}
