//! Examples and texts of `pipeline explain` that no schema holds. A test loads every example.

pub const PROJECT: &str = r#"device = "cpu"

[datasets.birds]
path = "data/birds"
stand_in = "sketch-birds"          # serves while the folder does not exist

[datasets.sketch-birds]
format = "sketch-birds"

[energy]
price_per_kwh = 0.2872             # without a price no money is shown
currency = "EUR"
price_date = "2025-06"
price_source = "Eurostat, households, mean of the EU"
country = "germany"                # without it, or `g_per_kwh`, no CO2 is shown
tdp_watts = 65                     # where no counter can be read: from the data sheet
"#;

pub const PUBLISHED: &str = r#"[published]
accuracy = 26.0
sd = 0.8
statistic = "last"
source = "Zhao & Bilen 2023 (DM), table 1: CIFAR-10, 1 image a class"
"#;

/// A stage of each kind; together, with the data sets of [`PROJECT`], they are an experiment.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "subset",
        r#"[subset.photos]
dataset = "birds"
classes = { at_least = 100, up_to = 5 }
per_class = { train = 100, valid = 20, test = 50 }
image_size = 64
"#,
    ),
    (
        "augment",
        r#"[augment.more]
from = "photos"
copies = 2
apply = [{ brightness = { by = 0.3 } }, "horizontal-flip", { gaussian-noise = { sd = 10 } }]
"#,
    ),
    (
        "experts",
        r#"[experts.teachers]
from = "photos"
network = { convnet = { width = 64 } }
experts = 10
epochs = 20
"#,
    ),
    (
        "distil",
        r#"[distil.tiny]
from = "photos"
images_per_class = 1
method = { distribution-matching = { iterations = 500 } }
"#,
    ),
    (
        "train",
        r#"[train.net]
from = "more"
network = "ultralight"
steps = 600
optimizer = { sgd = { lr = 0.02, momentum = 0.9 } }
transforms = ["flip"]
"#,
    ),
    (
        "weights",
        r#"[weights.imagenet]
url = "https://example.org/resnet18.safetensors"
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

[train.tuned]
from = "photos"
network = { resnet18 = { stem_stride = 4 } }
init_from = "imagenet"
freeze = ["conv1", "bn1", "layer1"]
steps = 300
optimizer = { sgd = { lr = 0.002, momentum = 0.9 } }
lr_head = 0.02
"#,
    ),
    (
        "evaluate",
        r#"[evaluate.score]
of = "net"
on = "photos"
"#,
    ),
    (
        "select",
        r#"[train.trial]
from = "photos"
network = "cnn"
steps = 200
optimizer = { sgd = { lr = "{lr}", momentum = 0.9 } }
if_diverged = "end"                # a learning rate that is too high loses, and stops nothing
seed = "{trial_seed}"

[select.best]
of = "trial"
over = ["lr"]
mean_over = ["trial_seed"]

[train.tested]
from = "photos"
network = "cnn"
steps = 200
optimizer = { sgd = { lr = "{best.lr}", momentum = 0.9 } }
seed = "{seed}"

[matrix]
lr = [0.003, 0.01, 0.03]
trial_seed = [100, 101]
seed = [0, 1, 2]
"#,
    ),
    (
        "command",
        r#"[command.count]
run = "ls {in.photos} | wc -l > {out}/count.txt"
"#,
    ),
];

/// An example of a kind.
pub fn example(kind: &str) -> Option<&'static str> {
    EXAMPLES.iter().find(|(name, _)| *name == kind).map(|(_, text)| *text)
}

/// What a newcomer to a kind should know beside its settings.
pub fn note(kind: &str) -> Option<&'static str> {
    if kind == "select" {
        return Some(SELECT);
    }
    (kind == "command").then_some(
        "Its result is kept and reused until the command line, a stage in `{in.NAME}`, a file that a word of the \
         command line names, a file of `inputs` or a variable of `env` changes. Anything else that the program \
         reads (other files, libraries, the network, the clock, its own version) is not declared and not tracked: \
         when it changes, the old result stays. `pipeline run --force NAME` makes it again.",
    )
}

const SELECT: &str = "A choice is a stage like others: it is made when its trials are, and until then `plan` says of \
                      what takes it that it waits. Its key are the trials' bytes, and the key of what takes it the \
                      chosen values' alone: another trial that does not win reruns nothing. What the trials cost is \
                      part of what each run with the choice costs, as are their seconds. A trial that diverged (see \
                      `if_diverged` of `train`) puts its candidate out. The test split has no say.";

/// Topics explained by a text of their own.
pub const WRITTEN: &[(&str, &str)] = &[
    ("experiment", EXPERIMENT),
    ("matrix", MATRIX),
    ("include", MATRIX),
    ("exclude", MATRIX),
    ("replicates", REPLICATES),
    ("extends", EXTENDS),
    ("set", SET),
];

pub fn written(topic: &str) -> Option<&'static str> {
    let topic = topic.trim_start_matches('-').trim_matches(['[', ']']);
    WRITTEN.iter().find(|(name, _)| *name == topic).map(|(_, text)| *text)
}

const EXPERIMENT: &str = r#"
an experiment: one TOML file that asks one question

  question      text; what the experiment is to answer
  replicates    the axes that tables average over: `pipeline explain replicates`
  extends       another experiment to start from: `pipeline explain extends`
  [matrix]      the axes whose combinations are the runs: `pipeline explain matrix`
  [published]   what a paper reports of the same setting: `pipeline explain published`

and its stages, each with a name of its own, under the name of its kind:

  [subset.NAME]     a balanced draw from a data set of pipeline.toml
  [augment.NAME]    more training images
  [experts.NAME]    networks with their weights at every epoch, for distillations to match
  [distil.NAME]     a few images that stand for the training images
  [weights.NAME]    weights made elsewhere, to start a network from
  [train.NAME]      a network
  [evaluate.NAME]   its scores: a row of the tables
  [command.NAME]    any program

A stage names the stages that it reads (`from = "photos"`). `pipeline explain train` lists the settings
of a kind.
"#;

const MATRIX: &str = r#"
[matrix]: the axes whose combinations are the runs

Each key is an axis, a list of values of any type. A stage takes the value of an axis by writing its name
in braces, in quotes. A text that is nothing but "{axis}" becomes the value, with its type; inside a longer
text the value is written out. A table is a labelled value: `name` is its label, and "{axis.field}" takes
one of its fields. Braces of your own are written {{ and }}.

A stage is made once for every combination of the axes that it reads, directly or through its inputs; one
that reads no axis is made once.

  include    keeps only the combinations that match one of these rows
  exclude    removes the combinations that match one of these rows

example:
    [matrix]
    arm = [{ name = "full", data = "photos" }, { name = "augmented", data = "more" }]
    network = ["cnn", { convnet = { width = 64 } }]
    seed = [0, 1, 2]
    exclude = [{ arm = "augmented", network = "cnn" }]

    [train.net]
    from = "{arm.data}"
    network = "{network}"
    seed = "{seed}"
"#;

const REPLICATES: &str = r#"
replicates: the axes that tables average over

Runs that differ in nothing else are one row of the summary: mean, standard deviation and n.

example:
    replicates = ["seed"]
"#;

const EXTENDS: &str = r#"
extends: another experiment to start from

The path of a file, from the folder of this one. Tables are merged key by key, this file's values going
over those of the other; a list, and a choice such as `optimizer`, is replaced whole.

example:
    extends = "distill_vs_full.toml"

    [train.net]
    steps = 6000
"#;

const SET: &str = r#"
--set PATH=VALUE: another value, for one launch

The path is that of the setting, with dots. The value is read as TOML, or else taken as text, so quotes are
seldom needed. Keys of pipeline.toml are set in the same way.

example:
    pipeline run experiments/distill_vs_full.toml --set train.net.steps=100
    pipeline run experiments/distill_vs_full.toml --set 'matrix.seed=[0, 1]'
    pipeline run experiments/distill_vs_full.toml --set datasets.birds.path=/data/birds --set device=cpu
"#;

#[cfg(test)]
mod tests {
    use super::super::tests::Folder;
    use super::*;
    use crate::recipe::KINDS;

    #[test]
    fn the_examples_together_are_an_experiment() {
        let text: String = EXAMPLES.iter().map(|(_, text)| *text).collect();
        let folder = Folder::new(&text);
        folder.write("pipeline.toml", PROJECT);
        let loaded = folder.load(&[]);
        let stages = loaded.unwrap_or_else(|problems| panic!("{}", folder.show(&problems))).graph.stages;
        let made: std::collections::BTreeSet<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
        let headers = text.lines().filter(|line| line.starts_with('[') && *line != "[matrix]");
        assert_eq!(made.len(), headers.count());
    }

    #[test]
    fn every_kind_has_an_example() {
        for kind in KINDS {
            assert!(example(kind).is_some(), "{kind}");
        }
    }
}
