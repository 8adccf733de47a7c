//! What an experiment becomes: stages, labels, rows.

use std::collections::BTreeSet;

use super::*;
use crate::engine::Files;

fn design() -> Experiment {
    let folder = Folder::new(DESIGN);
    folder.load(&[]).unwrap_or_else(|problems| panic!("{}", folder.show(&problems)))
}

fn labels<'a>(experiment: &'a Experiment, name: &str) -> Vec<&'a str> {
    let named = experiment.graph.stages.iter().filter(|stage| stage.name == name);
    named.map(|stage| stage.label.as_str()).collect()
}

#[test]
fn stages_are_shared_by_the_runs_that_do_not_differ_in_them() {
    let experiment = design();
    assert!(experiment.warnings.is_empty(), "{:?}", experiment.warnings);
    assert_eq!(labels(&experiment, "photos"), ["photos"]);
    assert_eq!(labels(&experiment, "more"), ["more"]);
    assert_eq!(labels(&experiment, "tiny"), ["tiny[seed=0]", "tiny[seed=1]", "tiny[seed=2]"]);
    assert_eq!(labels(&experiment, "net").len(), 27);
    assert_eq!(labels(&experiment, "net")[0], "net[arm=full, network=vgg16-bn, seed=0]");
    assert_eq!(labels(&experiment, "score").len(), 27);
    assert_eq!(experiment.graph.stages.len(), 1 + 1 + 3 + 27 + 27);
    assert_eq!(experiment.recipes.len(), experiment.graph.stages.len());
    assert_eq!(experiment.runs.len(), 27);
}

#[test]
fn every_stage_comes_after_its_inputs_and_labels_are_unique() {
    let experiment = design();
    for (id, stage) in experiment.graph.stages.iter().enumerate() {
        assert!(stage.inputs.iter().all(|input| input.from < id), "{}", stage.label);
    }
    let labels: BTreeSet<&str> = experiment.graph.stages.iter().map(|stage| stage.label.as_str()).collect();
    assert_eq!(labels.len(), experiment.graph.stages.len());
}

#[test]
fn the_order_of_the_graph_is_the_same_every_time() {
    let order = |experiment: Experiment| {
        experiment.graph.stages.into_iter().map(|stage| stage.label).collect::<Vec<_>>()
    };
    assert_eq!(order(design()), order(design()));
}

#[test]
fn a_stage_is_lowered_with_what_it_reads_and_hands_on() {
    let experiment = design();
    let find = |name: &str| experiment.graph.stages.iter().find(|stage| stage.name == name).unwrap();
    let tiny = find("tiny");
    assert_eq!(tiny.kind, "distil");
    assert_eq!(tiny.inputs[0].role, "from");
    assert_eq!(experiment.graph.stages[tiny.inputs[0].from].label, "photos");
    assert_eq!(
        tiny.inputs[0].files,
        Files::Named(vec!["train.safetensors", "classes.json", "preprocess.json"])
    );
    assert_eq!(tiny.passes_on.as_ref().unwrap().input, 0);
    assert!(tiny.parameters.get("from").is_none(), "names of stages are no parameters");
    assert_eq!(tiny.parameters["images_per_class"], 1);
    assert_eq!(tiny.parts["method.distribution-matching"], 1);
    let net = find("net");
    assert!(net.passes_on.is_none());
    assert_eq!(net.parameters["precision"], "fp32", "`auto` is settled");
    assert_eq!(net.environment["device"], "cpu");
    assert_eq!(find("photos").provenance["dataset"], "sketches");
}

#[test]
fn what_a_gpu_makes_is_keyed_by_whether_it_has_to_make_the_same_each_time() {
    let folder = Folder::new(DESIGN);
    let environment = |cuda: bool, deterministic: bool| {
        let sets = [format!("deterministic={deterministic}")];
        let on = |device, threads| machine(device, threads).map(|machine| Machine { cuda, ..machine });
        let experiment = load_from(folder.0.path(), &folder.path("x.toml"), &sets, &on).unwrap();
        let net = experiment.graph.stages.iter().find(|stage| stage.name == "net").unwrap();
        net.environment.clone()
    };
    assert_eq!(environment(true, true)["deterministic"], true);
    assert_eq!(environment(true, false).get("deterministic"), None, "keys of before hold");
    assert_eq!(environment(false, true), environment(false, false), "a processor makes them in any case");
}

#[test]
fn axes_that_a_row_does_not_depend_on_are_absent() {
    let text = DESIGN.replace("network = \"{network}\"", "network = \"cnn\"");
    let folder =
        Folder::new(&text.replace("network = [\"vgg16-bn\", \"cnn\", \"ultralight\"]\n", "width = [1, 2]\n"));
    let experiment = folder.load(&[]).unwrap();
    assert_eq!(experiment.runs.len(), 9);
    assert_eq!(experiment.runs[0].axes.keys().collect::<Vec<_>>(), ["arm", "seed"]);
    assert_eq!(experiment.runs[0].axes["arm"], "full");
    assert_eq!(experiment.warnings.len(), 1, "the unused axis is told of");
}

#[test]
fn each_run_is_one_evaluate_stage() {
    let text = DESIGN.to_string() + "[evaluate.checked]\nof = \"net\"\non = \"photos\"\nsplit = \"valid\"\n";
    let experiment = Folder::new(&text).load(&[]).unwrap();
    assert_eq!(experiment.runs.len(), 54);
    let stages: BTreeSet<usize> = experiment.runs.iter().map(|run| run.evaluate).collect();
    assert_eq!(stages.len(), 54);
    assert!(stages.iter().all(|id| experiment.graph.stages[*id].kind == "evaluate"));
}

#[test]
fn combinations_left_out_make_no_stage() {
    let text = DESIGN.to_string()
        + "exclude = [{ arm = \"distilled\", seed = 1 }, { arm = \"distilled\", seed = 2 }]\n";
    let experiment = Folder::new(&text).load(&[]).unwrap();
    assert_eq!(labels(&experiment, "tiny"), ["tiny[seed=0]"]);
    assert_eq!(experiment.runs.len(), 27 - 6);
    let text = DESIGN.to_string() + "include = [{ arm = \"full\", network = \"cnn\" }]\n";
    let experiment = Folder::new(&text).load(&[]).unwrap();
    assert_eq!(experiment.runs.len(), 3);
    assert!(
        labels(&experiment, "more").is_empty(),
        "a stage that some combination reads is no end of its own"
    );
}

#[test]
fn a_stage_that_none_reads_is_made_too() {
    let text =
        "[subset.photos]\ndataset = \"sketches\"\nper_class = { train = 5, test = 5 }\nimage_size = 32\n";
    let experiment = Folder::new(text).load(&[]).unwrap();
    assert_eq!(labels(&experiment, "photos"), ["photos"]);
    assert!(experiment.runs.is_empty());
}

#[test]
fn a_choice_may_be_an_axis_with_settings() {
    let text = DESIGN.replace("\"ultralight\"]", "{ convnet = { width = 64 } }]");
    let experiment = Folder::new(&text).load(&[]).unwrap();
    let wide = experiment.graph.stages.iter().filter(|stage| stage.label.contains("convnet")).count();
    assert_eq!(wide, 18);
    assert!(experiment.runs.iter().any(|run| run.axes["network"] == "{ convnet = { width = 64 } }"));
}

#[test]
fn a_command_reads_stages_by_role() {
    let text = "[command.a]\nrun = \"date > {out}/a\"\n[command.b]\nrun = \"cat {in.a}/a > {out}/{n}\"\n[matrix]\nn = [1, 2]\n";
    let experiment = Folder::new(text).load(&[]).unwrap();
    let labels: Vec<&str> = experiment.graph.stages.iter().map(|stage| stage.label.as_str()).collect();
    assert_eq!(labels, ["a", "b[n=1]", "b[n=2]"]);
    assert_eq!(experiment.graph.stages[1].inputs[0].role, "in.0");
    assert_eq!(experiment.graph.stages[2].parameters["run"], "cat {in.0}/a > {out}/2");
}

#[test]
fn set_reaches_the_experiment_and_the_project() {
    let folder = Folder::new(DESIGN);
    let sets = ["train.net.steps=7", "matrix.seed=[5]", "torch_threads=2", "datasets.birds.path=/tmp"];
    let experiment = folder.load(&sets).unwrap();
    assert_eq!(experiment.runs.len(), 9);
    assert_eq!(experiment.project.torch_threads, 2);
    let net = experiment.graph.stages.iter().find(|stage| stage.name == "net").unwrap();
    assert_eq!((&net.parameters["steps"], &net.environment["torch_threads"]), (&7.into(), &2.into()));
    assert_eq!(experiment.project.datasets["birds"].path.as_deref(), Some("/tmp".as_ref()));
}

#[test]
fn an_experiment_as_resolved_reads_back_as_the_same() {
    let folder = Folder::new(DESIGN);
    folder.write("child.toml", "extends = \"x.toml\"\n[train.net]\nsteps = 9\noptimizer = \"adamw\"\n");
    let experiment = folder.load_file("child.toml", &["matrix.seed=[3, 4]"]).unwrap();
    folder.write("again.toml", experiment.resolved());
    let again = folder.load_file("again.toml", &[]).unwrap();
    let keyed = |experiment: &Experiment| {
        let stages = experiment.graph.stages.iter();
        stages.map(|stage| (stage.label.clone(), stage.parameters.to_string())).collect::<BTreeSet<_>>()
    };
    assert_eq!(keyed(&experiment), keyed(&again));
    assert_eq!(experiment.runs.len(), 18);
    assert!(experiment.resolved().contains("steps = 9"), "{}", experiment.resolved());
}

#[test]
fn stages_may_read_each_other_in_different_combinations() {
    let text = r#"
[command.a]
run = "x {in.{first.a}} > {out}"
[command.b]
run = "x {in.{first.b}} > {out}"
[command.start]
run = "x > {out}"
[command.end]
run = "x {in.a} {in.b} > {out}"
[matrix]
first = [{ name = "a", a = "start", b = "a" }, { name = "b", a = "b", b = "start" }]
"#;
    let experiment = Folder::new(text).load(&[]).unwrap();
    let labels: Vec<&str> = experiment.graph.stages.iter().map(|stage| stage.label.as_str()).collect();
    let expected =
        ["start", "a[first=a]", "b[first=a]", "end[first=a]", "b[first=b]", "a[first=b]", "end[first=b]"];
    assert_eq!(labels, expected);
}

#[test]
fn the_project_stands_alone() {
    let folder = Folder::new("");
    let (project, root) = load_project(&folder.path(""), &["jobs=3".to_string()]).unwrap();
    assert_eq!((project.jobs, root), (Some(3), folder.path("")));
    let empty = tempfile::tempdir().unwrap();
    let (project, root) = load_project(empty.path(), &[]).unwrap();
    assert_eq!((project, root.as_path()), (Project::default(), empty.path()));
}
