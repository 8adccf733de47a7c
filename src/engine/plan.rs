//! What is cached, what is stale and why, and what cannot be known before something else has run.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;

use super::digest::FileDigest;
use super::graph::Graph;
use super::history::History;
use super::key::{self, SourceDigest};
use super::options::Options;
use super::stage::{Files, StageId};
use super::store::{Holding, Look, Store};
use super::tree::Sources;
use super::why::{Reason, reason};

/// What is to be done about a stage.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Cached {
        key: String,
    },
    /// It will run.
    Stale {
        key: String,
        reason: Reason,
    },
    /// Its key depends on bytes that `on` has yet to make.
    Waits {
        on: StageId,
    },
    /// Something it needs failed.
    Blocked,
    /// Outside the targets.
    NotAsked,
}

/// A state for every stage of the graph, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub states: Vec<State>,
}

impl Plan {
    /// How many stages have nothing to do.
    pub fn cached(&self) -> usize {
        self.states.iter().filter(|state| matches!(state, State::Cached { .. })).count()
    }

    /// How many stages are asked for.
    pub fn asked(&self) -> usize {
        self.states.iter().filter(|state| !matches!(state, State::NotAsked)).count()
    }
}

/// # Errors
/// When the graph is not valid or a source cannot be read.
pub fn plan(graph: &Graph, store: &Store, history: &mut History, options: &Options) -> Result<Plan> {
    graph.validate()?;
    let mut resolver = Resolver::new(graph, store);
    let needed = graph.needed(&options.targets);
    let forced: HashSet<StageId> = options.force.iter().copied().collect();
    let mut states = Vec::with_capacity(graph.stages.len());
    for (id, needed) in needed.into_iter().enumerate() {
        if !needed {
            states.push(State::NotAsked);
            continue;
        }
        states.push(match resolver.state(id, forced.contains(&id), history)? {
            Known::Waits { on } => State::Waits { on },
            Known::Cached { key } => State::Cached { key },
            Known::Stale { resolved, reason } => State::Stale { key: resolved.key, reason },
        });
    }
    Ok(Plan { states })
}

/// A key with its pre-image.
pub struct Resolved {
    pub key: String,
    pub pre_image: String,
}

/// What can be known of a stage now.
pub enum Known {
    Waits { on: StageId },
    Cached { key: String },
    Stale { resolved: Resolved, reason: Reason },
}

/// A file that a stage reads, and the stage whose artifact holds it.
pub struct Reading<'a> {
    pub role: &'a str,
    pub name: &'a str,
    /// The owner and the file; `None` where the artifact has no such file.
    pub file: Option<(StageId, &'a FileDigest)>,
}

/// What a finished stage left.
pub struct Made {
    pub key: String,
    pub holding: Holding,
}

/// Turns stages into keys as the artifacts that they read come to be known.
pub struct Resolver<'a> {
    pub graph: &'a Graph,
    pub store: &'a Store,
    pub sources: Sources,
    made: Vec<Option<Made>>,
}

impl<'a> Resolver<'a> {
    pub fn new(graph: &'a Graph, store: &'a Store) -> Resolver<'a> {
        let made = graph.stages.iter().map(|_| None).collect();
        Resolver { graph, store, sources: Sources::default(), made }
    }

    /// What is known of the stage's artifact, once it is there.
    pub fn made(&self, id: StageId) -> Option<&Made> {
        self.made[id].as_ref()
    }

    pub fn set_made(&mut self, id: StageId, made: Option<Made>) {
        self.made[id] = made;
    }

    /// The first stage that `id` reads from and that has nothing yet.
    pub fn waits_on(&self, id: StageId) -> Option<StageId> {
        self.graph.reads(id).into_iter().find(|read| self.made[*read].is_none())
    }

    /// The stage's state; a cached one is remembered as made.
    pub fn state(&mut self, id: StageId, forced: bool, history: &mut History) -> Result<Known> {
        if let Some(on) = self.waits_on(id) {
            return Ok(Known::Waits { on });
        }
        let resolved = self.resolve(id, f64::INFINITY)?;
        let stage = &self.graph.stages[id];
        match self.store.look(stage.kind, &resolved.key) {
            Look::Whole(holding) if !forced => {
                let key = resolved.key;
                self.made[id] = Some(Made { key: key.clone(), holding });
                Ok(Known::Cached { key })
            }
            look => {
                self.keep_manifests(id);
                let reason = match (look, forced) {
                    (Look::Damaged(how), _) => Reason::Damaged(how),
                    (Look::Whole(_), _) => Reason::Forced,
                    _ => reason(stage, &resolved, history, self.store),
                };
                Ok(Known::Stale { resolved, reason })
            }
        }
    }

    /// The stage's key, from what its inputs hold and its sources are. Sources looked at in the last `max_age_secs`
    /// are not looked at again.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn resolve(&mut self, id: StageId, max_age_secs: f64) -> Result<Resolved> {
        let stage = &self.graph.stages[id];
        let mut sources: BTreeMap<&str, SourceDigest> = BTreeMap::new();
        for source in &stage.sources {
            let mut memory = self.store.memory();
            let scan = self.sources.scan(&source.place, &mut memory, max_age_secs)?;
            sources.insert(&source.role, scan.digest.clone());
        }
        let mut inputs = key::InputFiles::new();
        for input in &stage.inputs {
            inputs.entry(&input.role).or_default();
        }
        for reading in self.readings(id) {
            let files = inputs.entry(reading.role).or_default();
            files.insert(reading.name, reading.file.map(|(_, file)| file));
        }
        let pre_image = key::pre_image(stage, &inputs, &sources);
        Ok(Resolved { key: key::sha256_hex(pre_image.as_bytes()), pre_image })
    }

    /// Keeps the lists of files that the stage's sources are now, so that the reason can name those that differ.
    fn keep_manifests(&mut self, id: StageId) {
        for source in &self.graph.stages[id].sources {
            let mut memory = self.store.memory();
            if let Ok(scan) = self.sources.scan(&source.place, &mut memory, f64::INFINITY) {
                // A store that cannot be written costs the reason its detail, not the plan.
                let _ = scan.write_manifest(self.store.root());
            }
        }
    }

    /// The files that a stage reads. Everything it reads from must be made.
    pub fn readings(&self, id: StageId) -> Vec<Reading<'_>> {
        let graph = self.graph;
        let mut readings = Vec::new();
        for input in &graph.stages[id].inputs {
            let role = input.role.as_str();
            match &input.files {
                Files::Named(names) => {
                    let one = |name: &&'static str| self.reading(role, name, graph.owner(input.from, name));
                    readings.extend(names.iter().map(one));
                }
                Files::All => {
                    let passed: Vec<_> = graph.passed_on(input).collect();
                    let own = self.files(input.from).keys().map(|name| name.as_str());
                    let own = own.filter(|name| !passed.iter().any(|(passed, _)| passed == name));
                    readings.extend(own.map(|name| self.reading(role, name, input.from)));
                    let handed = passed.iter().map(|(name, owner)| self.reading(role, name, *owner));
                    readings.extend(handed.filter(|reading| reading.file.is_some()));
                }
            }
        }
        readings
    }

    fn reading<'b>(&'b self, role: &'b str, name: &'b str, owner: StageId) -> Reading<'b> {
        Reading { role, name, file: self.files(owner).get(name).map(|file| (owner, file)) }
    }

    fn files(&self, id: StageId) -> &BTreeMap<String, FileDigest> {
        let made = self.made[id].as_ref();
        &made.expect("a stage is resolved once what it reads is made").holding.files
    }
}
