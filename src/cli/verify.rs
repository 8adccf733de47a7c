//! `pipeline verify`: every byte of every artifact checked, or an artifact made again and compared.

use console::style;
use serde_json::json;

use super::arguments::Verify;
use super::failure::Failure;
use super::gpus::{self, Visible};
use super::list::bytes;
use super::machine::{self, CudaFacts};
use super::opened::{Opened, eprint};
use super::say::say;
use crate::engine::{self, Artifact, Device, Options, Rerun, Store, short};

pub fn verify(arguments: &Verify) -> Result<(), Failure> {
    let opened = Opened::here()?;
    let store = opened.store()?;
    if arguments.rerun { rerun(arguments, &opened, &store) } else { check(arguments, &store) }
}

fn check(arguments: &Verify, store: &Store) -> Result<(), Failure> {
    if !arguments.artifacts.is_empty() {
        return Err(Failure::usage("without `--rerun` all artifacts are verified\nhint: leave the keys out"));
    }
    let report = engine::verify(store)?;
    if arguments.json {
        let damaged = report.damaged.iter().map(
            |damage| json!({ "artifact": damage.artifact, "how": damage.how, "quarantine": damage.quarantine }),
        );
        let damaged: Vec<_> = damaged.collect();
        say!(
            "{}",
            json!({ "version": 1, "checked": report.checked, "bytes": report.bytes, "damaged": damaged })
        );
    } else {
        for damage in &report.damaged {
            say!(
                "{} {}: {}; now in {}",
                style("damaged").red(),
                damage.artifact,
                damage.how,
                damage.quarantine.display()
            );
        }
    }
    let (checked, read) = (report.checked, bytes(report.bytes));
    if report.damaged.is_empty() {
        eprint(&format!("{checked} artifacts verified, {read}: all whole\n"));
        return Ok(());
    }
    let message = format!("{} of {checked} artifacts are damaged and in quarantine", report.damaged.len());
    Err(Failure::new(Failure::STAGE, format!("{message}\nhint: `pipeline run` makes them again")))
}

fn rerun(arguments: &Verify, opened: &Opened, store: &Store) -> Result<(), Failure> {
    let chosen: Vec<Artifact> = if arguments.artifacts.is_empty() {
        store.list()
    } else {
        let find = |text: &String| store.artifact_by_prefix(text).map_err(Failure::usage);
        arguments.artifacts.iter().map(find).collect::<Result<_, _>>()?
    };
    let mut options = Options::new("verify", opened.root.clone())?;
    if let Ok(worker) = machine::worker_program() {
        options.worker_program = worker;
    }
    let cuda = machine::worker_facts().map(|facts| facts.cuda).unwrap_or_default();
    options.devices.clone_from(&cuda.indices);
    let mut unlike = 0;
    for artifact in &chosen {
        has_its_gpu(&cuda, &artifact.receipt.device, &artifact.receipt.label)?;
        let name =
            format!("{}/{} {}", artifact.receipt.kind, short(&artifact.receipt.key), artifact.receipt.label);
        match engine::rerun(store, artifact, &options)? {
            Rerun::Same => say!("{} {name}: the same bytes", style("✓").green()),
            Rerun::Differs(files) => {
                unlike += 1;
                say!("{} {name}: other bytes in {}", style("✗").red(), files.join(", "));
            }
            Rerun::Interrupted => return Err(Failure::new(Failure::INTERRUPTED, "interrupted")),
        }
    }
    if unlike == 0 {
        return Ok(());
    }
    let message = format!("{unlike} of {} artifacts came out otherwise; the first ones stay", chosen.len());
    let hint = "another processor, or a GPU without determinism, gives other bits; the receipts name both";
    Err(Failure::new(Failure::STAGE, format!("{message}\nhint: {hint}")))
}

/// Fails where a stage was done on a GPU and `CUDA_VISIBLE_DEVICES` leaves none.
fn has_its_gpu(cuda: &CudaFacts, device: &Device, label: &str) -> Result<(), Failure> {
    if *device == Device::Cpu || cuda.visible == Visible::Some {
        return Ok(());
    }
    let reason = cuda.reason.as_deref().unwrap_or_default();
    Err(Failure::environment(format!("`{label}` was made on a GPU, but {reason}\nhint: {}", gpus::HINT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gpu_made_is_not_made_again_where_the_variable_leaves_none() {
        let four = || CudaFacts { available: true, devices: 4, ..CudaFacts::default() };
        let left = |told: &str| four().narrowed(Some(told), |_| None);
        assert!(has_its_gpu(&left("-1"), &Device::Cpu, "net").is_ok());
        assert!(has_its_gpu(&left("1"), &Device::Cuda(2), "net").is_ok());
        for told in ["-1", "MIG-2e"] {
            let failure = has_its_gpu(&left(told), &Device::Cuda(2), "net").expect_err("no GPU is left");
            assert!(failure.message.contains(&format!("`CUDA_VISIBLE_DEVICES={told}`")), "{failure:?}");
        }
    }
}
