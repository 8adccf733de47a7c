//! What runs were timed on: seconds and joules of unlike machines are not ranked together.

use std::collections::BTreeSet;

use serde_json::Value;

use super::launch::Launch;
use super::runs::Row;
use super::stored::Stored;
use super::summary::Group;

/// The machines that the trainings of a group ran on, as a person tells them apart: `cpu AVX512 of lab-3`. The scores'
/// where nothing was trained.
pub fn hardware(stored: &Stored, group: &Group) -> BTreeSet<String> {
    group.rows.iter().filter_map(|row| machine(stored, row)).collect()
}

fn machine(stored: &Stored, row: &Row) -> Option<String> {
    let launch: &Launch = stored.launch;
    let is_it =
        |key: &Option<String>| launch.stages.iter().position(|stage| key.is_some() && stage.key == *key);
    let artifact = stored.artifact(is_it(&row.train_key).or_else(|| is_it(&row.evaluate_key))?)?;
    let told = |name: &str| artifact.receipt.provenance.get(name).and_then(Value::as_str);
    let device = row.device.clone().unwrap_or_else(|| "cpu".to_string());
    let parts = [told("gpu").map(str::to_string), told("cpu_capability").map(str::to_string)];
    let named: String = parts.into_iter().flatten().map(|part| format!(" {part}")).collect();
    let host = told("host").map_or(String::new(), |host| format!(" of {host}"));
    Some(format!("{device}{named}{host}"))
}

/// What the energies of a group were taken under: the meter, the machine, the threads.
pub fn meters(group: &Group) -> BTreeSet<String> {
    let known = group.energy_basis().into_iter().filter(|basis| !basis.is_empty());
    known.map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::super::runs::rows;
    use super::super::summary::groups;
    use super::*;

    #[test]
    fn a_machine_is_told_by_device_capability_and_host() {
        let fixture = Fixture::birds();
        let group =
            |fixture: &Fixture| groups(&fixture.launch, &rows(&fixture.stored()).unwrap()).swap_remove(0);
        let machines = hardware(&fixture.stored(), &group(&fixture));
        assert_eq!(machines.into_iter().collect::<Vec<_>>(), ["cpu"]);
        let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
        fixture.note(train, "host", "lab-3");
        fixture.note(train, "cpu_capability", "AVX512");
        let machines = hardware(&fixture.stored(), &group(&fixture));
        assert_eq!(machines.into_iter().collect::<Vec<_>>(), ["cpu", "cpu AVX512 of lab-3"]);
    }
}
