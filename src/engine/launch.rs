//! A launch in progress: what each stage is at, who waits for whom, and what becomes of both as stages end.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use super::attempt::Attempt;
use super::devices::{Devices, Grant};
use super::event::{Event, Listener, StageEvent};
use super::graph::Graph;
use super::history::{History, Last};
use super::options::{Final, Options, Outcome, StageOutcome};
use super::plan::{Known, Made, Resolved, Resolver};
use super::stage::{Program, StageId};
use super::store::{Look, Store};
use super::why::Reason;

/// What a stage is at.
pub enum Phase {
    /// Some stage that it reads from has nothing yet.
    Waiting,
    Ready {
        resolved: Resolved,
        reason: Reason,
    },
    Running,
    Over(Final),
}

/// What is kept of a stage while its process lives.
pub struct Running {
    pub resolved: Resolved,
    pub attempt: Attempt,
    pub number: u32,
    pub threads: usize,
    pub grant: Option<Grant>,
    /// How its process said that it ended.
    pub ending: Option<StageEvent>,
    /// The artifact that a forced stage is to replace, set aside.
    pub replaced: Option<PathBuf>,
}

pub struct Launch<'a, 'l> {
    pub graph: &'a Graph,
    pub store: &'a Store,
    pub options: &'a Options,
    pub history: &'a mut History,
    pub listeners: &'a mut [&'l mut dyn Listener],
    pub resolver: Resolver<'a>,
    pub phases: Vec<Phase>,
    /// Ready stages, those that need a GPU apart, so that they keep nobody waiting who needs none.
    pub ready: [BTreeSet<StageId>; 2],
    pub running: HashMap<StageId, Running>,
    pub keys_running: HashMap<String, StageId>,
    pub devices: Devices,
    pub forced: HashSet<StageId>,
    pub attempts: Vec<u32>,
    /// Keys of stages that were started.
    pub tried: HashMap<StageId, String>,
    /// Nothing more is started.
    pub halted: bool,
    /// Asked to stop by a person.
    pub stopping: bool,
    /// For each stage, those that wait for it.
    waiting: Vec<Vec<StageId>>,
    /// For each stage, how many it waits for.
    missing: Vec<usize>,
    /// Keys whose artifacts this launch saw made.
    pub done: Vec<String>,
    /// Stages of [`Program::Worker`] that have yet to start.
    pub workers_ahead: usize,
    remade: HashMap<StageId, u32>,
    began: Instant,
}

impl<'a, 'l> Launch<'a, 'l> {
    pub fn new(
        graph: &'a Graph,
        store: &'a Store,
        history: &'a mut History,
        options: &'a Options,
        listeners: &'a mut [&'l mut dyn Listener],
    ) -> Launch<'a, 'l> {
        let stages = graph.stages.len();
        Launch {
            graph,
            store,
            options,
            history,
            listeners,
            resolver: Resolver::new(graph, store),
            phases: (0..stages).map(|_| Phase::Over(Final::NotAsked)).collect(),
            ready: [BTreeSet::new(), BTreeSet::new()],
            running: HashMap::new(),
            keys_running: HashMap::new(),
            devices: Devices::new(&options.devices),
            forced: options.force.iter().copied().collect(),
            attempts: vec![0; stages],
            tried: HashMap::new(),
            halted: false,
            stopping: false,
            waiting: vec![Vec::new(); stages],
            missing: vec![0; stages],
            done: Vec::new(),
            workers_ahead: 0,
            remade: HashMap::new(),
            began: Instant::now(),
        }
    }

    pub fn tell(&mut self, event: &Event) {
        for listener in self.listeners.iter_mut() {
            listener.hear(event);
        }
    }

    /// Looks at every stage once: cached, ready or waiting.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn survey(&mut self) -> Result<()> {
        let needed = self.graph.needed(&self.options.targets);
        let mut cached = Vec::new();
        for id in (0..needed.len()).filter(|id| needed[*id]) {
            if self.resolver.waits_on(id).is_some() {
                self.enlist(id);
                continue;
            }
            match self.resolver.state(id, self.forced.contains(&id), self.history)? {
                Known::Cached { key } => cached.push((id, key)),
                Known::Stale { resolved, reason } => self.make_ready(id, resolved, reason),
                Known::Waits { .. } => self.enlist(id),
            }
        }
        let stages = needed.iter().filter(|needed| **needed).count();
        self.tell(&Event::LaunchStarted { stages, cached: cached.len(), jobs: self.options.jobs });
        for (id, key) in cached {
            self.cached(id, key);
        }
        Ok(())
    }

    /// Whether nothing is running and nothing is to be started.
    pub fn is_over(&self) -> bool {
        self.running.is_empty() && (self.halted || self.ready.iter().all(BTreeSet::is_empty))
    }

    /// A stage has its artifact: whoever waited for it goes on.
    pub fn release(&mut self, id: StageId) {
        // A list of our own instead of recursion: chains may be as long as the graph.
        let mut made = vec![id];
        while let Some(id) = made.pop() {
            for waiter in std::mem::take(&mut self.waiting[id]) {
                self.missing[waiter] -= 1;
                if self.missing[waiter] == 0
                    && matches!(self.phases[waiter], Phase::Waiting)
                    && self.consider(waiter)
                {
                    made.push(waiter);
                }
            }
        }
    }

    /// Makes a stage wait for what it reads; it is looked at again when all that is there.
    pub fn enlist(&mut self, id: StageId) {
        self.set_phase(id, Phase::Waiting);
        let graph = self.graph;
        let unmade = graph.reads(id).into_iter().filter(|read| self.resolver.made(*read).is_none());
        for read in unmade.collect::<Vec<_>>() {
            if let Phase::Over(Final::Failed { .. } | Final::Blocked { .. } | Final::Stopped) =
                self.phases[read]
            {
                self.block(id, read);
                return;
            }
            self.await_stage(id, read);
        }
        if self.missing[id] == 0 && self.consider(id) {
            self.release(id);
        }
    }

    /// Makes a stage wait for one more.
    pub fn await_stage(&mut self, id: StageId, on: StageId) {
        self.set_phase(id, Phase::Waiting);
        self.missing[id] += 1;
        self.waiting[on].push(id);
    }

    /// Everything it reads is there: `true` if so is its artifact.
    fn consider(&mut self, id: StageId) -> bool {
        match self.resolver.state(id, self.forced.contains(&id), self.history) {
            Ok(Known::Cached { key }) => {
                self.cached(id, key);
                return true;
            }
            Ok(Known::Stale { resolved, reason }) => self.make_ready(id, resolved, reason),
            Ok(Known::Waits { on }) => self.await_stage(id, on),
            Err(error) => self.fail(id, format!("{error:#}"), None),
        }
        false
    }

    pub fn make_ready(&mut self, id: StageId, resolved: Resolved, reason: Reason) {
        self.set_phase(id, Phase::Ready { resolved, reason });
        self.ready[usize::from(self.graph.stages[id].needs.cuda)].insert(id);
    }

    fn cached(&mut self, id: StageId, key: String) {
        let label = self.graph.stages[id].label.clone();
        let took_secs = self.resolver.made(id).map_or(0.0, |made| made.holding.took_secs);
        self.note(id, &key, took_secs, true);
        self.set_phase(id, Phase::Over(Final::Cached));
        self.tell(&Event::StageCached { stage: id, label, key });
    }

    /// A stage's process left its artifact.
    pub fn made(&mut self, id: StageId, resolved: &Resolved, found: bool) {
        let stage = &self.graph.stages[id];
        let Look::Whole(holding) = self.store.look(stage.kind, &resolved.key) else {
            let message = "its process said that it was done, and left no artifact".to_string();
            return self.fail(id, message, None);
        };
        let took_secs = holding.took_secs;
        if !found {
            // What our own process digested a moment ago need not be read again to be trusted.
            self.remember(stage.kind, &resolved.key, &holding);
        }
        self.forced.remove(&id);
        let key = resolved.key.clone();
        self.resolver.set_made(id, Some(Made { key: key.clone(), holding }));
        self.note(id, &key, took_secs, true);
        self.set_phase(id, Phase::Over(if found { Final::Cached } else { Final::Made }));
        self.tell(&Event::StageFinished { stage: id, label: stage.label.clone(), key, found, took_secs });
        self.release(id);
    }

    /// Sets a damaged artifact aside and makes its stage run again. `false`: that happened before; it is given up.
    pub fn remake(&mut self, id: StageId, how: String) -> bool {
        const OFTEN: u32 = 2;
        let times = self.remade.entry(id).or_default();
        *times += 1;
        if *times > OFTEN {
            return false;
        }
        if let Some(key) = self.resolver.made(id).map(|made| made.key.clone()) {
            self.set_aside(id, &key, &how);
            self.resolver.set_made(id, None);
        }
        self.attempts[id] = 0;
        self.enlist(id);
        true
    }

    /// Moves a damaged artifact into quarantine.
    pub fn set_aside(&mut self, id: StageId, key: &str, how: &str) {
        let stage = &self.graph.stages[id];
        if self.store.quarantine(stage.kind, key, how).is_ok() {
            let (label, key, reason) = (stage.label.clone(), key.to_string(), how.to_string());
            self.tell(&Event::Quarantined { stage: id, label, key, reason });
        }
    }

    /// Gives a stage up, and with it whatever reads it. `told`: listeners know already.
    pub fn fail(&mut self, id: StageId, message: String, told: Option<Event>) {
        let label = self.graph.stages[id].label.clone();
        let event = told.unwrap_or_else(|| Event::StageFailed {
            stage: id,
            label,
            attempt: self.attempts[id],
            will_retry: false,
            message: message.clone(),
            log_tail: Vec::new(),
            log: String::new(),
        });
        self.tell(&event);
        self.set_phase(id, Phase::Over(Final::Failed { message }));
        self.halted |= !self.options.keep_going;
        self.block_readers(id);
    }

    /// A stage that was asked to stop did.
    pub fn stopped(&mut self, id: StageId, saved_at: Option<u64>) {
        let label = self.graph.stages[id].label.clone();
        self.set_phase(id, Phase::Over(Final::Stopped));
        self.tell(&Event::StageStopped { stage: id, label, saved_at });
        // Not blocked: they would have their turn as soon as this one goes on.
        self.waiting[id].clear();
    }

    fn block(&mut self, id: StageId, by: StageId) {
        let label = self.graph.stages[id].label.clone();
        self.set_phase(id, Phase::Over(Final::Blocked { by }));
        self.tell(&Event::StageBlocked { stage: id, label, by: self.graph.stages[by].label.clone() });
        self.block_readers(id);
    }

    fn block_readers(&mut self, id: StageId) {
        let mut lost = vec![id];
        while let Some(by) = lost.pop() {
            for waiter in std::mem::take(&mut self.waiting[by]) {
                if !matches!(self.phases[waiter], Phase::Waiting) {
                    continue;
                }
                self.set_phase(waiter, Phase::Over(Final::Blocked { by }));
                let (label, by) =
                    (self.graph.stages[waiter].label.clone(), self.graph.stages[by].label.clone());
                self.tell(&Event::StageBlocked { stage: waiter, label, by });
                lost.push(waiter);
            }
        }
    }

    pub fn set_phase(&mut self, id: StageId, phase: Phase) {
        let is_ahead = |phase: &Phase| matches!(phase, Phase::Waiting | Phase::Ready { .. });
        let was = is_ahead(&self.phases[id]);
        if self.graph.stages[id].program == Program::Worker && was != is_ahead(&phase) {
            self.workers_ahead = if was { self.workers_ahead - 1 } else { self.workers_ahead + 1 };
        }
        self.phases[id] = phase;
    }

    pub fn note(&mut self, id: StageId, key: &str, took_secs: f64, made: bool) {
        let stage = &self.graph.stages[id];
        let (label, name, kind) = (stage.label.clone(), stage.name.clone(), stage.kind.to_string());
        self.history.note(Last { label, name, kind, key: key.to_string(), took_secs, made });
    }

    /// Ends the launch and says what came of it.
    pub fn finish(mut self) -> Result<Outcome> {
        self.history.save()?;
        let over = |launch: &Launch, id: StageId| match &launch.phases[id] {
            Phase::Over(state) => state.clone(),
            _ => Final::NotStarted,
        };
        let stages = (0..self.phases.len()).map(|id| {
            let made = self.resolver.made(id);
            let ready = match &self.phases[id] {
                Phase::Ready { resolved, .. } => Some(resolved.key.clone()),
                _ => None,
            };
            let tried = || self.tried.get(&id).cloned();
            let key = made.map(|made| made.key.clone()).or(ready).or_else(tried);
            StageOutcome { state: over(&self, id), key, took_secs: made.map(|made| made.holding.took_secs) }
        });
        let stages: Vec<StageOutcome> = stages.collect();
        let took_secs = self.began.elapsed().as_secs_f64();
        let outcome = Outcome { stages, interrupted: self.stopping, took_secs };
        self.tell(&Event::LaunchFinished {
            ran: outcome.count(|state| matches!(state, Final::Made)),
            cached: outcome.count(|state| matches!(state, Final::Cached)),
            failed: outcome.count(|state| matches!(state, Final::Failed { .. })),
            blocked: outcome.count(|state| matches!(state, Final::Blocked { .. })),
            stopped: outcome.count(|state| matches!(state, Final::Stopped)),
            took_secs,
        });
        Ok(outcome)
    }
}
