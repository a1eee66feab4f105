//! `controller attest verify`: verifies a signed attestation offline.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgGroup, Args, Subcommand};

use super::{
    args::{evidence, policy},
    attested::{self, NotCompared},
    console::{print, say, tell},
};
use crate::{
    case::environment::{self, Environment, EnvironmentRefused},
    judge::exit::Exit,
    report::attestation::{
        Demands, Difference, ProofRefused, PublishedProof, Refusal, Statement, examine,
        verification_v1::{SignedPlace, SignedVerdict, Time, Verification},
    },
    support::{
        clock,
        envelope::Unsealed,
        signing::{KeyError, PublicKey},
    },
};

/// The most bytes of a bundle: one of 5,000 nodes has a tenth of them.
const MOST: u64 = 16 << 20;

/// Verifies signed attestations
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  controller attest verify run.json.sigstore.json --key podproof.key.pub --environment production --require-ready\n\nExit \
    codes: 0 accepted, 1 refused or not ready, 2 wrong usage, 3 undetermined, 4 could not read"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Verifies an attestation offline: its signature, its age, and the evidence if it is given
    Verify(Box<Verify>),
}

#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("attested").args(["bundle", "proof"]).multiple(true).required(true),
    mut_arg("path", |argument| argument.requires("evidence")),
    after_help = "Examples:\n  controller attest verify run.json.sigstore.json --key podproof.key.pub --environment production --require-ready\n  \
    controller attest verify run.json.sigstore.json --key podproof.key.pub --evidence run.json --max-age 7d --namespace shop \
    --environment production --require-ready\n  kubectl get configmap podproof-proof-shop --namespace podproof --output json | controller attest verify \
    --proof /dev/stdin --key podproof.key.pub --environment production --require-ready\n\nWithout --require-ready, an authentic attestation is accepted whatever its verdict. With \
    --evidence, the file must be the signed one, and judging it again must give the same verdict, requirements and \
    score.\n\nExit codes: 0 accepted, 1 refused, or not ready and --require-ready was given, 2 wrong usage, 3 undetermined \
    and --require-ready was given, 4 could not read or write"
)]
struct Verify {
    /// The attestation that --sign wrote [default: the one in the proof of --proof]
    #[arg(value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    /// A published proof, as `kubectl get configmap --output json` prints it: the proof must say what was signed
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// The public key in PEM, which `controller key new` writes as FILE.pub
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The saved evidence, which is compared with the attestation and judged again [default: only the signature tells]
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    policy: policy::File,
    /// Refuse the attestation of a run that began longer ago, such as 12h or 7d [default: any age within its life]
    #[arg(long, value_name = "TIME", value_parser = evidence::age)]
    max_age: Option<Duration>,
    /// Refuse a verdict for a weaker environment than this one and those that ENVIRONMENT, `REQUIRE_GVISOR` and `K8S_CLUSTER_TYPE`
    /// name [default: those of the variables, or else any environment]
    #[arg(long, value_enum, value_name = "ENVIRONMENT")]
    environment: Option<Environment>,
    /// Refuse a verdict for another namespace [default: any place]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Refuse a verdict for another cluster, by the URL of its API server [default: any place]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Refuse a verdict that is not ready or undetermined
    #[arg(long)]
    require_ready: bool,
    /// Refuse a verdict for a part, such as that of a run with --like or --nodes
    #[arg(long)]
    require_whole: bool,
}

/// The reason why an attestation is not accepted.
#[derive(Debug, thiserror::Error)]
enum NotAccepted {
    #[error("failed to read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the key {} is refused", path.display())]
    Key { path: PathBuf, source: KeyError },
    #[error("{} is refused", path.display())]
    Refused { path: PathBuf, source: Refusal },
    #[error(transparent)]
    Environment(#[from] EnvironmentRefused),
}

impl Arguments {
    pub(super) fn run(self) -> Exit {
        let What::Verify(verify) = self.what;
        verify.run()
    }
}

impl Verify {
    fn run(&self) -> Exit {
        let signed = match self.examined() {
            Ok(signed) => signed,
            Err(error) => return error.tell(),
        };
        if let Some(evidence) = &self.evidence {
            match attested::compared(&signed, evidence, &self.policy) {
                Ok(()) => (),
                Err(NotCompared::Refusal(source)) => return self.refused(source).tell(),
                Err(NotCompared::NotJudged(refused)) => return refused.tell(),
            }
        }
        if self.require_ready
            && let Err(source) = signed.predicate.demand_ready()
        {
            return self.refused(source).tell();
        }
        print(&accepted(&signed.predicate, self.evidence.is_some()))
    }

    fn examined(&self) -> Result<Statement, NotAccepted> {
        let key = PublicKey::from_pem(&read(&self.key)?)
            .map_err(|source| NotAccepted::Key { path: self.key.clone(), source })?;
        let demanded = environment::demanded(self.environment, policy::variable)?;
        demanded.remarks.iter().for_each(|remark| say(remark));
        let demands = Demands {
            now: clock::now(),
            max_age: self.max_age,
            environment: Some((demanded.environment, demanded.source)),
            namespace: self.namespace.clone(),
            server: self.server.clone(),
            whole: self.require_whole,
        };
        let refused = |source| self.refused(source);
        let given = self.bundle.as_deref().map(read).transpose()?;
        let Some(path) = &self.proof else {
            return examine(&given.unwrap_or_default(), &key, &demands).map_err(refused);
        };
        let proof = PublishedProof::read(&read(path)?).map_err(|source| refused(source.into()))?;
        let bundle = proof.bundle(given).map_err(|source| refused(source.into()))?;
        let signed = examine(&bundle, &key, &demands).map_err(refused)?;
        proof.compare(&signed.predicate).map_err(|source| refused(source.into()))?;
        Ok(signed)
    }

    fn refused(&self, source: Refusal) -> NotAccepted {
        let path = self.proof.as_ref().or(self.bundle.as_ref()).cloned().unwrap_or_default();
        NotAccepted::Refused { path, source }
    }
}

impl NotAccepted {
    fn tell(&self) -> Exit {
        tell(self, Some(self.help()));
        match self {
            Self::Read { .. } => Exit::CouldNotRun,
            Self::Key { .. } | Self::Environment(_) => Exit::Usage,
            Self::Refused { source: Refusal::NotReady(SignedVerdict::Undetermined), .. } => {
                Exit::Undetermined
            }
            Self::Refused { .. } => Exit::NotReady,
        }
    }

    const fn help(&self) -> &'static str {
        let Self::Refused { source, .. } = self else {
            return match self {
                Self::Key { .. } => {
                    "--key takes the public key in PEM, which `controller key new` writes as FILE.pub"
                }
                Self::Environment(_) => "correct the variable, or unset it",
                _ => "name a readable file",
            };
        };
        match source {
            Refusal::Unsealed(Unsealed::OtherKey { .. }) => "give --key the public key of the signer",
            Refusal::Unsealed(_)
            | Refusal::NotStatement(_)
            | Refusal::OtherStatement(_)
            | Refusal::OtherPredicate(_)
            | Refusal::Contradictory(_) => "restore the file as --sign wrote it; do not trust it otherwise",
            Refusal::Expired(_) | Refusal::TooOld { .. } => {
                "make a new run by `controller verify --save-evidence FILE --sign KEY`"
            }
            Refusal::Future(_) => "correct the clock of this machine or of the run's machine",
            Refusal::OtherNamespace { .. } | Refusal::OtherCluster { .. } => {
                "give the attestation of this place, or make a new run there"
            }
            Refusal::OtherEnvironment { .. } | Refusal::NotWhole => {
                "make a run for the whole namespace and this environment"
            }
            Refusal::OtherEvidence { .. } => {
                "give --evidence the file that was saved and signed together with the attestation"
            }
            Refusal::OtherPolicy => {
                "give --policy the file under which the evidence was judged, as it was then"
            }
            Refusal::Differs(Difference::Verdict | Difference::Tests | Difference::Score) => {
                "use the controller version that signed; if it judges the same way, do not trust the attestation"
            }
            Refusal::Differs(_) => {
                "do not trust the attestation: its signer signed other facts than the evidence has"
            }
            Refusal::Proof(ProofRefused::NotProof(_)) => {
                "--proof takes the file of `kubectl get configmap NAME --output json`"
            }
            Refusal::Proof(ProofRefused::Unsigned) => {
                "publish a signed proof by `controller verify --publish NAMESPACE --save-evidence FILE --sign KEY`"
            }
            Refusal::Proof(ProofRefused::DigestOnly | ProofRefused::OtherBundle { .. }) => {
                "give the attestation's file, which the run wrote, together with --proof"
            }
            Refusal::Proof(ProofRefused::ClassesUnsigned) => {
                "renew the proof by `controller verify --publish NAMESPACE --save-evidence FILE --sign KEY`"
            }
            Refusal::Proof(ProofRefused::OtherTime { .. }) => {
                "correct the clock of the machine that signs, and renew the proof; if that clock is right, do not trust the proof: \
                 see who may write it"
            }
            Refusal::Proof(ProofRefused::Differs(_) | ProofRefused::OtherLife { .. }) => {
                "do not trust the proof: somebody wrote it who did not sign; renew it, and see who may write it"
            }
            Refusal::NotReady(_) => "`controller score FILE` shows the evidence's gaps and their fixes",
        }
    }
}

/// Reads a small file.
fn read(path: &Path) -> Result<Vec<u8>, NotAccepted> {
    let failed = |source| NotAccepted::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

/// Returns the words on an attestation that was accepted.
fn accepted(signed: &Verification, with_evidence: bool) -> String {
    let place = match &signed.place {
        SignedPlace::Machine { host, .. } => format!("machine {host}"),
        SignedPlace::Cluster { server, namespace, .. } => format!("namespace {namespace}, cluster {server}"),
    };
    let part = if signed.extent.whole { "" } else { ", for a part" };
    let evidence = if with_evidence { "the file, judged again with the same verdict" } else { "not given" };
    let (Time(verified_at), Time(expires_at)) = (signed.verified_at, signed.expires_at);
    let mut text = format!(
        "authentic: {}{part}, for {}\n   place        {place}\n   run          {}, verified at {verified_at}, good until {expires_at}\n   evidence     \
         {evidence}\n",
        signed.verdict.words(),
        signed.environment,
        signed.run,
    );
    // Writing to a string does not fail.
    if let Some(profiles) = signed.profiles() {
        _ = writeln!(text, "   profiles     {profiles}");
    }
    for (title, tests) in [
        ("failed", &signed.failed_tests),
        ("warned", &signed.warned_tests),
        ("inconclusive", &signed.inconclusive_tests),
    ] {
        if !tests.is_empty() {
            _ = writeln!(text, "   {title:<12} {}", tests.join(", "));
        }
    }
    text
}
