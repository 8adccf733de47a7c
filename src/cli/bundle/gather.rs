//! Finds all that an experiment reads, and what it came to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::archive::{Content, Member};
use super::manifest::{Data, Expected, Manifest, is_inside};
use crate::cli::opened::OpenedExperiment;
use crate::data;
use crate::engine::{self, Artifact, Entry, History, LISTING, Options, Place, Stage, State, Store};
use crate::recipe::{Format, KeepTogether, Project, Recipe, files};

/// The manifest without its list of files, and those files.
pub fn gather(opened: &OpenedExperiment, store: &Store, include: bool) -> Result<(Manifest, Vec<Member>)> {
    let experiment = &opened.experiment;
    let made = made(opened, store)?;
    let mut members = Vec::new();
    let mut data = BTreeMap::new();
    let mut project = Project { artifacts: "artifacts".into(), ..experiment.project.clone() };
    for (name, wish) in data_sets(opened, &made) {
        let set = DataSet { name: &name, wish, store, include };
        let (described, path) = set.gather(&experiment.project, &mut members)?;
        relocate(&mut project, &name, &experiment.root, path)?;
        data.insert(name, described);
    }
    keep_used(&mut project, &experiment.graph.stages);
    members.extend(own_files(&experiment.graph.stages, &experiment.root)?);
    let file = format!("experiments/{}.toml", experiment.name);
    let text =
        |path: &str, text: String| Member { path: path.into(), content: Content::Bytes(text.into_bytes()) };
    members.push(text(&file, experiment.resolved()));
    members.push(text("pipeline.toml", toml::to_string(&project).context("the project has no TOML form")?));
    let environments = environments(&experiment.graph.stages);
    let libtorch = environments.iter().find_map(|environment| environment["libtorch"].as_str());
    let manifest = Manifest {
        version: 1,
        experiment: experiment.name.clone(),
        file,
        pipeline: env!("CARGO_PKG_VERSION").to_string(),
        libtorch: libtorch.unwrap_or_default().to_string(),
        environments: environments.into_iter().cloned().collect(),
        data,
        files: Vec::new(),
        expected: made.iter().flatten().map(expected).collect(),
    };
    Ok((manifest, members))
}

/// What the stages' programs ran on, each once, in the order of their text.
fn environments(stages: &[Stage]) -> Vec<&serde_json::Value> {
    let told = stages.iter().map(|stage| &stage.environment).filter(|environment| !environment.is_null());
    let by_text: BTreeMap<String, _> =
        told.map(|environment| (environment.to_string(), environment)).collect();
    by_text.into_values().collect()
}

/// Names the place of a data set in the bundle, and its layout: where only some files are taken along, they might not
/// tell it.
fn relocate(project: &mut Project, name: &str, root: &Path, path: String) -> Result<()> {
    let known = project.datasets.get_mut(name).context("a data set that serves is known")?;
    known.format = Some(known.layout(root));
    known.path = Some(path.into());
    Ok(())
}

/// Of each stage its artifact, where it is made.
fn made(opened: &OpenedExperiment, store: &Store) -> Result<Vec<Option<Artifact>>> {
    let experiment = &opened.experiment;
    let mut history = History::open(store, &experiment.name);
    let options = Options::new(&experiment.name, experiment.root.clone())?;
    let plan = engine::plan(&experiment.graph, store, &mut history, &options)?;
    let artifact = |(stage, state): (&Stage, &State)| match state {
        State::Cached { key } => store.find(stage.kind, key),
        _ => None,
    };
    Ok(experiment.graph.stages.iter().zip(&plan.states).map(artifact).collect())
}

fn expected(artifact: &Artifact) -> Expected {
    let receipt = &artifact.receipt;
    Expected {
        kind: receipt.kind.clone(),
        label: receipt.label.clone(),
        key: receipt.key.clone(),
        digest: receipt.digest.clone(),
    }
}

/// What is wanted of a data set.
struct Wish {
    place: Place,
    /// The files drawn; `None` where they cannot be told, and all are taken.
    drawn: Option<BTreeSet<String>>,
    /// Whether others' fingerprints decide what is drawn.
    by_fingerprint: bool,
}

/// The data sets that serve, with the files that their subsets drew.
fn data_sets(opened: &OpenedExperiment, made: &[Option<Artifact>]) -> BTreeMap<String, Wish> {
    let experiment = &opened.experiment;
    let mut wishes: BTreeMap<String, Wish> = BTreeMap::new();
    for ((stage, recipe), artifact) in experiment.graph.stages.iter().zip(&experiment.recipes).zip(made) {
        let Recipe::Subset(subset) = recipe else { continue };
        let Some(source) = stage.sources.iter().find(|source| source.role == "dataset") else { continue };
        let name = serving(stage).unwrap_or(&subset.dataset).to_string();
        // Of an archive, or of a file that holds many images, all is taken along.
        let is_folder = matches!(source.place, Place::Tree { .. })
            && experiment
                .project
                .datasets
                .get(&name)
                .is_some_and(|set| matches!(set.layout(&opened.opened.root), Format::ImageFolder(_)));
        let drawn = artifact.as_ref().filter(|_| is_folder).and_then(|artifact| drawn(artifact).ok());
        let wish = wishes.entry(name).or_insert_with(|| Wish {
            place: source.place.clone(),
            drawn: Some(BTreeSet::new()),
            by_fingerprint: false,
        });
        wish.by_fingerprint |= matches!(subset.keep_together, KeepTogether::NearDuplicates(_));
        match (&mut wish.drawn, drawn) {
            (Some(all), Some(more)) => all.extend(more),
            (all, _) => *all = None,
        }
    }
    wishes
}

fn serving(stage: &Stage) -> Option<&str> {
    let fact = |name: &str| stage.provenance.get(name).and_then(serde_json::Value::as_str);
    fact("stand_in").or_else(|| fact("dataset"))
}

/// The sources of every image of an image set.
fn drawn(artifact: &Artifact) -> Result<BTreeSet<String>> {
    let mut drawn = BTreeSet::new();
    for name in [files::TRAIN, files::VALID, files::TEST] {
        let split = data::Split::open(&artifact.content(name))?;
        drawn.extend((0..split.len()).map(|at| split.source(at).to_string()));
    }
    Ok(drawn)
}

struct DataSet<'a> {
    name: &'a str,
    wish: Wish,
    store: &'a Store,
    include: bool,
}

impl DataSet<'_> {
    /// Adds its files, and says where it is to be found in the bundle.
    fn gather(self, project: &Project, members: &mut Vec<Member>) -> Result<(Data, String)> {
        let name = self.name;
        ensure!(
            is_inside(name) && !name.contains('/'),
            "data set `{name}` cannot be a folder's name; hint: call it otherwise in `pipeline.toml`"
        );
        let (root, entries) = engine::list(&self.wish.place, self.store)?;
        let folder = format!("data/{name}");
        let prints = self.left_out(&entries);
        let is_partial = self.include && prints.is_some();
        let mut described = Data {
            path: folder.clone(),
            listing: if is_partial {
                format!("{folder}/{LISTING}")
            } else {
                format!("data/{name}.files.jsonl")
            },
            files: entries.len(),
            bytes: entries.iter().map(|entry| entry.size).sum(),
            included: 0,
            url: project.datasets.get(name).and_then(|set| set.url.clone()),
        };
        for entry in entries.iter().filter(|entry| self.takes(&entry.path, is_partial)) {
            described.included += 1;
            members.push(member(entry, &root, &folder)?);
        }
        let listing = entries.iter().map(|entry| serde_json::to_string(entry).map(|line| line + "\n"));
        let listing: String = listing.collect::<Result<_, _>>()?;
        members
            .push(Member { path: described.listing.clone(), content: Content::Bytes(listing.into_bytes()) });
        if let Some(prints) = prints.filter(|prints| is_partial && !prints.is_empty()) {
            let path = format!("{folder}/{}", data::TAKEN_ALONG);
            members.push(Member { path, content: Content::Bytes(prints) });
        }
        let path = match &self.wish.place {
            Place::File(file) => {
                format!("{folder}/{}", file.file_name().unwrap_or_default().to_string_lossy())
            }
            _ => folder,
        };
        Ok((described, path))
    }

    /// The fingerprints of all files (none where they decide nothing), if files can be left out at all.
    fn left_out(&self, entries: &[Entry]) -> Option<Vec<u8>> {
        let drawn = self.wish.drawn.as_ref()?;
        let known: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        if drawn.len() == known.len() || !drawn.iter().all(|path| known.contains(path.as_str())) {
            return None;
        }
        if !self.wish.by_fingerprint {
            return Some(Vec::new());
        }
        let digests: Vec<&str> = entries.iter().map(|entry| entry.sha256.as_str()).collect();
        data::known_fingerprints(self.store.root(), &digests)
    }

    fn takes(&self, path: &str, is_partial: bool) -> bool {
        let drawn = |path| self.wish.drawn.as_ref().is_some_and(|drawn| drawn.contains(path));
        self.include && (!is_partial || drawn(path))
    }
}

/// A file of a data set, as it was listed.
fn member(entry: &Entry, root: &Path, folder: &str) -> Result<Member> {
    let Entry { path, size, sha256 } = entry;
    ensure!(is_inside(path), "`{path}` lies outside `{}`", root.display());
    let content = Content::File { from: root.join(path), size: *size, sha256: sha256.clone() };
    Ok(Member { path: format!("{folder}/{path}"), content })
}

/// Leaves out the data sets that no stage reads.
fn keep_used(project: &mut Project, stages: &[Stage]) {
    let facts = |stage: &Stage| ["dataset", "stand_in"].map(|fact| stage.provenance.get(fact).cloned());
    let used: BTreeSet<String> = stages
        .iter()
        .flat_map(facts)
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_string))
        .collect();
    project.datasets.retain(|name, _| used.contains(name));
    for set in project.datasets.values_mut() {
        // What never serves here is not taken along.
        set.stand_in = set.stand_in.take().filter(|other| used.contains(other));
    }
}

/// The files of the project that commands read, where they lie.
fn own_files(stages: &[Stage], root: &Path) -> Result<Vec<Member>> {
    let mut members: BTreeMap<String, Member> = BTreeMap::new();
    for source in stages.iter().flat_map(|stage| &stage.sources).filter(|source| source.role != "dataset") {
        let Place::File(from) = &source.place else {
            bail!("`{}` is a folder, which a bundle does not take along; hint: name its files", source.role);
        };
        let path = from.strip_prefix(root).ok().and_then(Path::to_str).filter(|path| is_inside(path));
        let Some(path) = path else {
            bail!(
                "`{}` lies outside the project, where a bundle cannot put it back; hint: copy it into `{}`",
                from.display(),
                root.display()
            );
        };
        let digest = engine::digest_file(from)?;
        let content = Content::File { from: from.clone(), size: digest.size, sha256: digest.sha256 };
        members.insert(path.to_string(), Member { path: path.to_string(), content });
    }
    Ok(members.into_values().collect())
}
