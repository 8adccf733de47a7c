//! Whole experiments as text: what they become, and what is said of wrong ones.

mod matrix;
mod messages;
mod refused;
mod selection;
mod training;

use std::path::PathBuf;

use super::*;

/// A project in a folder of its own.
pub struct Folder(tempfile::TempDir);

pub const PROJECT: &str = r#"device = "cpu"

[datasets.birds]
path = "data/birds"
stand_in = "sketches"

[datasets.sketches]
format = { sketch-birds = { train = 40 } }
"#;

/// The experiment that the design opens with.
pub const DESIGN: &str = r#"question = "Can distilled data or an ultra-light network reach VGG16's accuracy for less energy?"
replicates = ["seed"]

[subset.photos]
dataset = "sketches"
classes = { at_least = 200, up_to = 10 }
per_class = { train = 100, valid = 20, test = 50 }
image_size = 64
seed = 0

[augment.more]
from = "photos"
copies = 2
apply = [{ brightness = { by = 0.3 } }, "horizontal-flip", { gaussian-noise = { sd = 10 } }]

[distil.tiny]
from = "photos"
images_per_class = 1
method = { distribution-matching = { iterations = 500 } }
seed = "{seed}"

[train.net]
from = "{arm.data}"
network = "{network}"
steps = 600
optimizer = { sgd = { lr = 0.02, momentum = 0.9 } }
seed = "{seed}"

[evaluate.score]
of = "net"
on = "photos"

[matrix]
arm = [{ name = "full", data = "photos" }, { name = "augmented", data = "more" }, { name = "distilled", data = "tiny" }]
network = ["vgg16-bn", "cnn", "ultralight"]
seed = [0, 1, 2]
"#;

impl Folder {
    pub fn new(experiment: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write("pipeline.toml", PROJECT);
        folder.write("x.toml", experiment);
        folder
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn load(&self, sets: &[&str]) -> Result<Experiment, Problems> {
        self.load_file("x.toml", sets)
    }

    pub fn load_file(&self, name: &str, sets: &[&str]) -> Result<Experiment, Problems> {
        let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
        load_from(self.0.path(), &self.path(name), &sets, &machine)
    }

    /// Problems as rendered, with paths from the folder.
    pub fn show(&self, problems: &[Problem]) -> String {
        let folder = self.0.path().display().to_string();
        render(problems, false).replace(&format!("{folder}/"), "").replace(&folder, ".")
    }

    /// What is said of the experiment, errors or warnings.
    pub fn said(&self, sets: &[&str]) -> String {
        match self.load(sets) {
            Ok(experiment) => self.show(&experiment.warnings),
            Err(problems) => self.show(&problems),
        }
    }
}

/// A machine without a GPU.
pub fn machine(device: DeviceChoice, torch_threads: usize) -> anyhow::Result<Machine> {
    anyhow::ensure!(device != DeviceChoice::Cuda, "`device = \"cuda\"`, but there is no NVIDIA driver");
    Ok(Machine { cuda: false, deterministic: false, torch_threads, libtorch: "2.11".into(), bf16: false })
}

/// CIFAR-10's files are not part of the project: drawn pictures stand for them.
const CIFAR_10: &str = "datasets.cifar10={ format = { sketch-birds = { train = 5000 } } }";

/// The experiments of a folder of this project, each with its file.
fn experiments_in(folder: &str) -> Vec<(PathBuf, Experiment)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let load = |file: PathBuf| {
        let loaded = load_from(root, &file, &[CIFAR_10.to_string()], &machine);
        (file, loaded.unwrap_or_else(|problems| panic!("{}", render(&problems, false))))
    };
    files.map(load).collect()
}

#[test]
fn the_experiments_of_this_project_are_right() {
    for (file, experiment) in experiments_in("experiments") {
        assert!(!experiment.runs.is_empty(), "{}", file.display());
    }
}

#[test]
fn every_published_row_is_one_group_of_runs_with_its_figure_and_without_warnings() {
    let rows = experiments_in("experiments/paper");
    for (file, experiment) in &rows {
        let shown = file.display();
        assert!(experiment.warnings.is_empty(), "{shown}: {}", render(&experiment.warnings, false));
        let published = experiment.published.as_ref().unwrap_or_else(|| panic!("{shown} has no figure"));
        let per_class = experiment.name.rsplit('_').next().unwrap();
        let told = format!("CIFAR-10, {per_class} image{} a class", if per_class == "1" { "" } else { "s" });
        assert!(published.source.ends_with(&told), "{shown}: {}", published.source);
        let distil = experiment.recipes.iter().find_map(|recipe| match recipe {
            Recipe::Distil(distil) => Some(distil.images_per_class.to_string()),
            _ => None,
        });
        assert_eq!(distil.as_deref(), Some(per_class), "{shown}");
        assert!(experiment.axes.iter().all(|axis| experiment.replicates.contains(&axis.name)), "{shown}");
    }
    assert!(rows.len() >= 30, "{}", rows.len());
}
