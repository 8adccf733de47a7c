//! `[weights.NAME]`: a file that is here, and one that a server of the test has.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;
mod server;

use project::Project;
use safetensors::tensor::{Dtype, TensorView};
use server::{Manner, Server};
use sha2::{Digest, Sha256};

/// A safetensors file of one tensor.
fn file(value: f32) -> Vec<u8> {
    let bytes: Vec<u8> = [value; 6].iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![2, 3], &bytes).unwrap();
    safetensors::serialize([("fc.weight", view)], None).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fetched(server: &Server, sha256: &str) -> String {
    format!("[weights.made]\nurl = \"{}\"\nsha256 = \"{sha256}\"\n", server.url("made.safetensors"))
}

fn kept(project: &Project) -> Vec<u8> {
    let artifact = project.artifacts().pop().unwrap();
    std::fs::read(project.path("artifacts").join(artifact).join("content/weights.safetensors")).unwrap()
}

#[test]
fn a_file_that_is_here_is_keyed_by_its_bytes_and_not_by_its_place() {
    let project = Project::with("[weights.made]\npath = \"made.safetensors\"\n");
    project.write("made.safetensors", file(1.0));
    project.run();
    assert_eq!(kept(&project), file(1.0));
    assert_eq!(project.receipts()[0]["provenance"]["upstream_energy"], "unknown");
    std::fs::rename(project.path("made.safetensors"), project.path("moved.safetensors")).unwrap();
    project.write("x.toml", "[weights.other]\npath = \"moved.safetensors\"\n");
    project.run();
    assert_eq!(project.artifacts().len(), 1, "the same bytes are the same artifact");
    project.write("moved.safetensors", file(2.0));
    project.run();
    assert_eq!(project.artifacts().len(), 2);
}

#[test]
fn a_file_of_a_server_is_fetched_once_and_gone_on_with() {
    let bytes = file(3.0);
    let server = Server::of(&bytes, Manner::BreaksOff(40));
    let project = Project::with(&fetched(&server, &hex(&bytes)));
    project.run();
    assert_eq!(kept(&project), bytes);
    assert!(server.asked().len() > 1, "one connection gives 40 bytes");
    project.run();
    assert!(server.asked().is_empty(), "what is in the store is not asked for again");
    // Another address of the same file is no other file.
    let elsewhere = Server::of(&bytes, Manner::Says(404));
    project.write("x.toml", fetched(&elsewhere, &hex(&bytes)));
    project.run();
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn a_run_that_starts_from_a_file_says_what_is_unknown_and_in_no_total() {
    let project = Project::with(RUN);
    project.write("pipeline.toml", "device = \"cpu\"\n[datasets.birds]\nformat = \"sketch-birds\"\n");
    let weights: Vec<u8> = [0.01f32; 2 * 192].iter().flat_map(|value| value.to_le_bytes()).collect();
    let bias = [0u8; 8];
    let views = [
        ("dense.weight", TensorView::new(Dtype::F32, vec![2, 192], &weights).unwrap()),
        ("dense.bias", TensorView::new(Dtype::F32, vec![2], &bias).unwrap()),
    ];
    project.write("made.safetensors", safetensors::serialize(views, None).unwrap());
    project.run().says("started from weights made elsewhere");
    let runs = project.read("artifacts/results/x/latest/runs.csv");
    let mut table = csv::Reader::from_reader(runs.as_bytes());
    let names = table.headers().unwrap().clone();
    let row = table.records().next().unwrap().unwrap();
    let cell = |name: &str| &row[names.iter().position(|column| column == name).unwrap()];
    assert_eq!(cell("upstream_energy"), "unknown");
    assert!(cell("latency_ms").parse::<f64>().unwrap() > 0.0, "{runs}");
    assert!(cell("peak_memory_bytes").parse::<u64>().unwrap() > 1 << 20, "{runs}");
}

const RUN: &str = r#"
[subset.photos]
dataset = "birds"
classes = { up_to = 2 }
per_class = { train = 4, valid = 2, test = 2 }
image_size = 8

[weights.made]
path = "made.safetensors"

[train.net]
from = "photos"
network = "linear"
init_from = "made"
steps = 1
optimizer = { sgd = { lr = 0.0 } }

[evaluate.score]
of = "net"
on = "photos"
"#;

#[test]
fn another_file_than_was_named_and_no_weights_at_all_are_refused() {
    let server = Server::of(&file(4.0), Manner::Good);
    let project = Project::with(&fetched(&server, &hex(b"something else")));
    project.pipeline(&["run", "x.toml"]).expect(1).says("is not what `sha256` names");
    assert!(project.artifacts().is_empty());
    project.write("x.toml", "[weights.made]\npath = \"made.pth\"\n");
    project.write("made.pth", b"PK\x03\x04 archive/data.pkl");
    project.pipeline(&["run", "x.toml"]).expect(3).says("safetensors.torch.save_file");
}
