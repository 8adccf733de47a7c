//! The start of one stage: a last look at what it reads, its work order, its process.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::attempt::Attempt;
use super::devices::Grant;
use super::digest::{FileDigest, Identity, Memory, digest_file};
use super::event::Event;
use super::job::{Job, JobFile, JobInput, JobSource, PROTOCOL};
use super::key::short;
use super::launch::{Launch, Phase, Running};
use super::plan::Resolved;
use super::process::Executor;
use super::stage::{Device, Program, StageId};
use super::store::Holding;
use super::why::Reason;

/// A source looked at less than this ago is not looked at again before its stage starts.
const FRESH_SECS: f64 = 2.0;

impl Launch<'_, '_> {
    /// Starts a stage, unless a last look shows that it has to wait, or has nothing to do.
    pub fn start(
        &mut self,
        id: StageId,
        resolved: Resolved,
        reason: Reason,
        threads: usize,
        grant: Option<Grant>,
        executor: &mut dyn Executor,
    ) {
        match self.last_look(id, &resolved) {
            Ok(true) => {}
            Ok(false) => return self.give_back(grant),
            Err(error) => {
                self.give_back(grant);
                return self.fail(id, format!("{error:#}"), None);
            }
        }
        if let Reason::Damaged(how) = &reason {
            self.set_aside(id, &resolved.key, how);
        }
        self.attempts[id] += 1;
        let device = grant.as_ref().map(|grant| grant.device);
        match self.begin(id, &resolved, threads, device, executor) {
            Ok((attempt, replaced)) => {
                let (label, key) = (self.graph.stages[id].label.clone(), resolved.key.clone());
                let (number, reason) = (self.attempts[id], reason.to_string());
                self.keys_running.insert(key.clone(), id);
                let running = Running { resolved, attempt, number, threads, grant, ending: None, replaced };
                self.running.insert(id, running);
                self.set_phase(id, Phase::Running);
                self.tell(&Event::StageStarted { stage: id, label, key, attempt: number, reason });
            }
            Err(error) => {
                self.give_back(grant);
                self.fail(id, format!("{error:#}"), None);
            }
        }
    }

    fn give_back(&mut self, grant: Option<Grant>) {
        if let Some(grant) = grant {
            self.devices.give_back(grant);
        }
    }

    /// `true`: what the stage reads is still what its key says. Else the stage waits for something now.
    fn last_look(&mut self, id: StageId, resolved: &Resolved) -> Result<bool> {
        if self.resolver.waits_on(id).is_some() {
            self.enlist(id);
            return Ok(false);
        }
        if !self.graph.stages[id].sources.is_empty()
            && self.resolver.resolve(id, FRESH_SECS)?.key != resolved.key
        {
            self.enlist(id);
            return Ok(false);
        }
        if let Some((owner, how)) = self.damaged_input(id) {
            let label = &self.graph.stages[owner].label;
            let message =
                format!("its input `{label}` is damaged again and again: {how}\nhint: check the disk");
            anyhow::ensure!(self.remake(owner, how), message);
            self.enlist(id);
            return Ok(false);
        }
        if let Some(other) = self.keys_running.get(&resolved.key).copied() {
            self.await_stage(id, other);
            return Ok(false);
        }
        Ok(true)
    }

    /// The first input that does not hold the bytes that its receipt says, and how.
    fn damaged_input(&self, id: StageId) -> Option<(StageId, String)> {
        let mut memory = self.store.memory();
        self.resolver.readings(id).into_iter().find_map(|reading| {
            let (owner, expected) = reading.file?;
            let path = self.content(owner, reading.name);
            let how = match verified(&mut memory, &path, expected) {
                Ok(true) => return None,
                Ok(false) => format!("`{}` has other bytes than its receipt says", reading.name),
                Err(error) => format!("{error:#}"),
            };
            Some((owner, how))
        })
    }

    fn content(&self, owner: StageId, name: &str) -> PathBuf {
        let key = &self.resolver.made(owner).expect("it is read, so it is made").key;
        self.store.place(self.graph.stages[owner].kind, key).join("content").join(name)
    }

    fn begin(
        &mut self,
        id: StageId,
        resolved: &Resolved,
        threads: usize,
        device: Option<usize>,
        executor: &mut dyn Executor,
    ) -> Result<(Attempt, Option<PathBuf>)> {
        let stage = &self.graph.stages[id];
        let device = match (stage.needs.cuda, device) {
            (false, _) => Device::Cpu,
            (true, Some(index)) => Device::Cuda(index),
            (true, None) => anyhow::bail!("it needs a GPU, and the launch has none to give"),
        };
        let mut job = self.job(id, resolved, threads, device)?;
        let attempt = Attempt::create(self.store, &mut job)?;
        let replaced = self.forced.contains(&id).then(|| self.replace(id, resolved)).flatten();
        executor.start(id, stage.program, &job, &attempt)?;
        Ok((attempt, replaced))
    }

    /// Sets the artifact aside that a forced stage is to make anew.
    fn replace(&self, id: StageId, resolved: &Resolved) -> Option<PathBuf> {
        let place = self.store.place(self.graph.stages[id].kind, &resolved.key);
        let aside = self.store.root().join("work").join(format!(".replaced-{}", short(&resolved.key)));
        let _ = std::fs::remove_dir_all(&aside);
        std::fs::rename(place, &aside).is_ok().then_some(aside)
    }

    fn job(&mut self, id: StageId, resolved: &Resolved, threads: usize, device: Device) -> Result<Job> {
        let stage = &self.graph.stages[id];
        let mut sources = BTreeMap::new();
        for source in &stage.sources {
            let mut memory = self.store.memory();
            let scan = self.resolver.sources.scan(&source.place, &mut memory, f64::INFINITY)?;
            let manifest = scan.write_manifest(self.store.root())?;
            sources.insert(source.role.clone(), JobSource { root: scan.root.clone(), manifest });
        }
        Ok(Job {
            protocol: PROTOCOL,
            version: self.options.version.clone(),
            kind: stage.kind.to_string(),
            label: stage.label.clone(),
            key: resolved.key.clone(),
            pre_image: serde_json::from_str(&resolved.pre_image).context("a pre-image is JSON")?,
            provenance: self.provenance(id, &sources),
            inputs: self.inputs(id),
            sources,
            store: self.store.root().to_path_buf(),
            root: self.options.root.clone(),
            threads,
            device,
            metering: self.options.metering.clone(),
            log: PathBuf::new(),
        })
    }

    fn inputs(&self, id: StageId) -> BTreeMap<String, JobInput> {
        let stage = &self.graph.stages[id];
        let empty =
            |from: StageId| JobInput { label: self.graph.stages[from].label.clone(), ..JobInput::default() };
        let mut inputs: BTreeMap<String, JobInput> =
            stage.inputs.iter().map(|input| (input.role.clone(), empty(input.from))).collect();
        for reading in self.resolver.readings(id) {
            let (Some(input), Some((owner, file))) = (inputs.get_mut(reading.role), reading.file) else {
                continue;
            };
            let FileDigest { size, sha256 } = file.clone();
            let path = self.content(owner, reading.name);
            input.files.insert(reading.name.to_string(), JobFile { path, size, sha256 });
        }
        inputs
    }

    /// What a receipt needs so that lineage can be read off it and the stage can be done again from it alone.
    fn provenance(&self, id: StageId, sources: &BTreeMap<String, JobSource>) -> BTreeMap<String, Value> {
        let stage = &self.graph.stages[id];
        let mut made_from: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
        let readings = self.resolver.readings(id);
        for reading in &readings {
            let Some((owner, _)) = reading.file else { continue };
            let key = &self.resolver.made(owner).expect("it is read, so it is made").key;
            let artifact = format!("{}/{}", self.graph.stages[owner].kind, short(key));
            made_from.entry(reading.role).or_default().insert(reading.name, artifact);
        }
        let program = match stage.program {
            Program::Own => "own",
            Program::Worker => "worker",
        };
        let mut provenance = stage.provenance.clone();
        provenance.insert("name".into(), stage.name.clone().into());
        provenance.insert("axes".into(), json!(stage.axes));
        provenance.insert("experiment".into(), self.options.experiment.clone().into());
        provenance.insert("made_from".into(), json!(made_from));
        provenance.insert("sources".into(), json!(sources));
        provenance.insert("root".into(), json!(self.options.root));
        provenance.insert("program".into(), program.into());
        provenance.insert("jobs".into(), self.options.jobs.into());
        provenance
    }

    /// Remembers the digests of files that our own process has just committed.
    pub fn remember(&self, kind: &str, key: &str, holding: &Holding) {
        let content = self.store.place(kind, key).join("content");
        let mut memory = self.store.memory();
        for (name, file) in &holding.files {
            if let Ok(metadata) = std::fs::metadata(content.join(name)) {
                memory.remember_for_good(Identity::of(&metadata), &file.sha256);
            }
        }
    }
}

/// Whether a file of the store has these bytes; read only if that is not remembered.
fn verified(memory: &mut Memory, path: &std::path::Path, expected: &FileDigest) -> Result<bool> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let identity = Identity::of(&metadata);
    if let Some(known) = memory.recall(&identity) {
        return Ok(known == *expected);
    }
    let found = digest_file(path)?;
    // Nobody writes to the files of an artifact, so that a young stamp is as good as an old one.
    memory.remember_for_good(identity, &found.sha256);
    Ok(found == *expected)
}
