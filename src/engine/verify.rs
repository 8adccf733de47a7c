//! Reads every artifact and compares it with its receipt; or makes it again, elsewhere, and compares both.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rayon::prelude::*;

use super::attempt::Attempt;
use super::devices::{Devices, Grant};
use super::digest::{FileDigest, Identity, digest_file};
use super::event::StageEvent;
use super::job::{Job, JobFile, JobInput, JobSource, PROTOCOL};
use super::key::{canonical, sha256_hex};
use super::options::Options;
use super::process::{Executor, Happening, Processes};
use super::receipt::{RECEIPT, Receipt, content_digest};
use super::signals::Interrupts;
use super::stage::{Device, Program};
use super::store::{Artifact, Look, Store, names_in};

/// An artifact that is not as its receipt says.
#[derive(Clone, Debug)]
pub struct Damage {
    /// `kind/key`, as the folder was called.
    pub artifact: String,
    pub how: String,
    /// Where it is now.
    pub quarantine: PathBuf,
}

/// What a check of the whole store found.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    pub checked: usize,
    pub bytes: u64,
    pub damaged: Vec<Damage>,
}

/// Reads every file of every artifact; damaged artifacts go into quarantine, and the next launch makes them again.
///
/// # Errors
/// When a damaged artifact cannot be set aside.
pub fn verify(store: &Store) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    for kind in store.kinds() {
        for name in names_in(&store.root().join(&kind)) {
            report.checked += 1;
            let place = store.place(&kind, &name);
            let how = match Receipt::read(&place.join(RECEIPT)) {
                Ok(receipt) => {
                    report.bytes += receipt.size();
                    check(store, &Artifact { path: place, receipt })
                }
                Err(error) => Some(format!("{error:#}")),
            };
            if let Some(how) = how {
                let quarantine = store.quarantine(&kind, &name, &how)?;
                report.damaged.push(Damage { artifact: format!("{kind}/{name}"), how, quarantine });
            }
        }
    }
    store.memory().save();
    Ok(report)
}

/// How an artifact differs from its receipt, if it does. Sound files are remembered as read.
fn check(store: &Store, artifact: &Artifact) -> Option<String> {
    let receipt = &artifact.receipt;
    let mut text = String::new();
    canonical(&receipt.pre_image, &mut text);
    if sha256_hex(text.as_bytes()) != receipt.key {
        return Some("its key is not the digest of its pre-image".to_string());
    }
    if content_digest(&receipt.files) != receipt.digest {
        return Some("its digest is not that of its list of files".to_string());
    }
    let files: Vec<(&String, &FileDigest)> = receipt.files.iter().collect();
    let found: Vec<Result<(Identity, FileDigest)>> = files
        .par_iter()
        .map(|(name, _)| {
            let path = artifact.content(name);
            let metadata = fs::metadata(&path).with_context(|| format!("cannot read `{name}`"))?;
            Ok((Identity::of(&metadata), digest_file(&path)?))
        })
        .collect();
    for ((name, expected), found) in files.into_iter().zip(found) {
        match found {
            Ok((identity, found)) if found == *expected => {
                store.memory().remember_for_good(identity, &found.sha256);
            }
            Ok((_, found)) if found.size != expected.size => {
                return Some(format!("`{name}` has {} bytes instead of {}", found.size, expected.size));
            }
            Ok(_) => return Some(format!("`{name}` has other bytes than its receipt says")),
            Err(error) => return Some(format!("{error:#}")),
        }
    }
    None
}

/// What came of making an artifact again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rerun {
    Same,
    /// Files whose bytes differ, or that only one of both has.
    Differs(Vec<String>),
    Interrupted,
}

/// Makes an artifact again in a store of its own, from its receipt alone, and compares. Nothing is swapped in.
///
/// # Errors
/// When an input or source is not there any more as it was, or the stage fails.
pub fn rerun(store: &Store, artifact: &Artifact, options: &Options) -> Result<Rerun> {
    let scratch = store.root().join("work").join(format!(".rerun-{}", std::process::id()));
    let done = rerun_in(store, artifact, options, &scratch);
    let _ = fs::remove_dir_all(&scratch);
    done
}

/// Waits for a GPU, where the device is one.
fn granted(device: &Device, options: &Options, interrupts: &Interrupts) -> Result<Option<Grant>> {
    let Device::Cuda(index) = device else { return Ok(None) };
    let mut devices = Devices::new(&candidates(*index, &options.devices));
    loop {
        match devices.grant()? {
            None if interrupts.count() == 0 => std::thread::sleep(Duration::from_millis(100)),
            grant => return Ok(grant),
        }
    }
}

/// The GPU that it was, since another may give other bits; any of this launch's where it may not use that one.
fn candidates(index: usize, own: &[usize]) -> Vec<usize> {
    if own.is_empty() || own.contains(&index) { vec![index] } else { own.to_vec() }
}

fn rerun_in(
    store: &Store,
    artifact: &Artifact,
    options: &Options,
    scratch: &std::path::Path,
) -> Result<Rerun> {
    let elsewhere = Store::open(scratch)?;
    let receipt = &artifact.receipt;
    let mut job = job_again(store, receipt, options)?;
    job.store = elsewhere.root().to_path_buf();
    let interrupts = Interrupts::listen();
    let grant = granted(&job.device, options, &interrupts)?;
    if interrupts.count() > 0 {
        return Ok(Rerun::Interrupted);
    }
    if let Some(grant) = &grant {
        job.device = Device::Cuda(grant.device);
    }
    let attempt = Attempt::create(&elsewhere, &mut job)?;
    let mut processes = Processes::new(options, elsewhere.root());
    let program = match receipt.provenance.get("program").and_then(|program| program.as_str()) {
        Some("worker") => Program::Worker,
        _ => Program::Own,
    };
    processes.start(0, program, &job, &attempt)?;
    let (ending, how) = listen(&mut processes, &interrupts);
    if interrupts.count() > 0 {
        return Ok(Rerun::Interrupted);
    }
    match elsewhere.look(&receipt.kind, &receipt.key) {
        Look::Whole(holding) => Ok(compare(&receipt.files, &holding.files)),
        _ => match ending {
            Some(StageEvent::Failed { message }) => Err(anyhow!(message)),
            _ => Err(anyhow!(how.unwrap_or_else(|| "its process ended without a word".to_string()))),
        },
    }
}

fn listen(processes: &mut Processes, interrupts: &Interrupts) -> (Option<StageEvent>, Option<String>) {
    let (mut last, mut asked) = (None, 0);
    loop {
        match processes.next(Duration::from_millis(100)) {
            Some((_, Happening::Said(event))) => last = Some(event),
            Some((_, Happening::Ended(how))) => return (last, how),
            None => {}
        }
        let now = interrupts.count();
        if now > asked {
            if asked == 0 {
                processes.stop()
            } else {
                processes.kill()
            }
            asked = now;
        }
    }
}

fn compare(before: &BTreeMap<String, FileDigest>, after: &BTreeMap<String, FileDigest>) -> Rerun {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let differing: Vec<String> =
        names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    if differing.is_empty() { Rerun::Same } else { Rerun::Differs(differing) }
}

/// The job that made an artifact, as far as its receipt tells.
fn job_again(store: &Store, receipt: &Receipt, options: &Options) -> Result<Job> {
    let told = |name: &str| receipt.provenance.get(name).cloned().unwrap_or_default();
    let sources: BTreeMap<String, JobSource> =
        serde_json::from_value(told("sources")).context("the receipt does not tell its sources")?;
    for (role, source) in &sources {
        ensure!(source.manifest.is_file(), "the list of files of the source `{role}` is gone");
    }
    Ok(Job {
        protocol: PROTOCOL,
        version: options.version.clone(),
        kind: receipt.kind.clone(),
        label: receipt.label.clone(),
        key: receipt.key.clone(),
        pre_image: receipt.pre_image.clone(),
        inputs: inputs_again(store, receipt)?,
        sources,
        store: PathBuf::new(),
        root: options.root.clone(),
        threads: receipt.threads,
        device: receipt.device.clone(),
        provenance: receipt.provenance.clone(),
        metering: serde_json::Value::Null,
        log: PathBuf::new(),
    })
}

fn inputs_again(store: &Store, receipt: &Receipt) -> Result<BTreeMap<String, JobInput>> {
    let made_from = receipt.provenance.get("made_from").cloned().unwrap_or_default();
    let mut inputs = BTreeMap::new();
    for (role, files) in receipt.pre_image["inputs"].as_object().into_iter().flatten() {
        let mut input = JobInput { label: role.clone(), ..JobInput::default() };
        for (name, expected) in files.as_object().into_iter().flatten().filter(|(_, file)| !file.is_null()) {
            let FileDigest { size, sha256 } = serde_json::from_value(expected.clone())?;
            let from =
                made_from[role][name].as_str().context("the receipt does not tell what it was made from")?;
            let path = store.root().join(from).join("content").join(name);
            if !digest_file(&path).is_ok_and(|found| found.sha256 == sha256) {
                bail!("its input `{from}` is gone or damaged\nhint: `pipeline run` makes it again");
            }
            input.files.insert(name.clone(), JobFile { path, size, sha256 });
        }
        inputs.insert(role.clone(), input);
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::super::fake::{run_all, stage};
    use super::*;

    #[test]
    fn a_flipped_byte_is_found_set_aside_and_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let stages = [stage("one", "a", &[]), stage("two", "b", &[0])];
        run_all(folder.path(), &stages);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(verify(&store).unwrap().damaged.len(), 0);
        let artifact = store.list().into_iter().find(|artifact| artifact.receipt.label == "two").unwrap();
        let path = artifact.content("out");
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let report = verify(&store).unwrap();
        assert_eq!((report.checked, report.damaged.len()), (2, 1));
        assert!(report.damaged[0].how.contains("`out` has other bytes"));
        assert!(report.damaged[0].quarantine.join("reason.txt").exists());
        drop(store);
        assert_eq!(run_all(folder.path(), &stages).started, ["two"]);
        assert_eq!(verify(&Store::open(folder.path()).unwrap()).unwrap().damaged.len(), 0);
    }

    #[test]
    fn a_receipt_that_was_edited_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        run_all(folder.path(), &[stage("one", "a", &[])]);
        let store = Store::open(folder.path()).unwrap();
        let path = store.list()[0].path.join(RECEIPT);
        let text = fs::read_to_string(&path).unwrap().replace("\"says\":\"a\"", "\"says\":\"b\"");
        fs::write(&path, text).unwrap();
        assert!(verify(&store).unwrap().damaged[0].how.contains("not the digest of its pre-image"));
    }

    #[test]
    fn an_artifact_is_made_again_on_the_gpu_that_it_was_made_on_where_that_may_be_used() {
        assert_eq!(candidates(2, &[]), [2]);
        assert_eq!(candidates(2, &[1, 2]), [2]);
        assert_eq!(candidates(2, &[0, 1]), [0, 1]);
    }
}
