//! Rows of runs from artifacts as the fixture leaves them.

use super::super::fixture::Fixture;
use super::*;

#[test]
fn a_row_holds_what_its_artifacts_say() {
    let fixture = Fixture::birds();
    let rows = rows(&fixture.stored()).unwrap();
    let row = &rows[0];
    assert_eq!(row.axes["network"], "vgg16-bn");
    assert_eq!(row.scores.accuracy, Some(0.8));
    assert_eq!((row.training.steps, row.network.parameters), (Some(600), Some(14_724_042)));
    assert_eq!((row.costs.multiply_adds, row.costs.weight_bytes), (Some(1_252_788_736), Some(58_902_804)));
    assert_eq!((row.train_secs, row.stored_bytes), (Some(120.0), Some(4000)));
    assert_eq!(row.device.as_deref(), Some("cpu"));
    assert_eq!(row.inference, Inference { latency_ms: Some(1.5), peak_memory_bytes: Some(300_000_000) });
    assert_eq!(row.scores.chance(), Some(0.2));
    assert_eq!(row.joules_per_1000, None);
}

#[test]
fn a_thousand_inferences_draw_the_watts_of_the_evaluation_for_as_long_as_they_take() {
    let fixture = Fixture::birds().with_energy(None);
    // 4 W, 1.5 ms an image.
    assert_eq!(rows(&fixture.stored()).unwrap()[0].joules_per_1000, Some(6.0));
}

#[test]
fn a_run_is_charged_for_each_stage_it_rests_on_once() {
    let fixture = Fixture::birds();
    let rows = rows(&fixture.stored()).unwrap();
    // Subset 10 s, training 120 s, evaluation 2 s: the subset is read by both of the others.
    assert_eq!(rows[0].total_secs, Some(132.0));
    let distilled = rows.iter().find(|row| row.axes["arm"] == "distilled").unwrap();
    assert_eq!(distilled.total_secs, Some(10.0 + 40.0 + 120.0 + 2.0));
}

#[test]
fn a_run_is_charged_the_energy_of_every_distinct_artifact_once_and_in_full() {
    let mut fixture = Fixture::birds().with_energy(Some((0.36, 1000.0)));
    let joules = |fixture: &Fixture| {
        let rows = rows(&fixture.stored()).unwrap();
        let distilled = rows.into_iter().find(|row| row.axes["arm"] == "distilled").unwrap();
        (distilled.energy_joules, distilled.energy_class, distilled.cost, distilled.co2_g)
    };
    // 172 s of one thread at 4 W; the distillation is not divided among the runs that use it.
    let (drawn, class, cost, grams) = joules(&fixture);
    assert_eq!((drawn, class.as_deref()), (Some(688.0), Some("modelled")));
    assert!((cost.unwrap() - 688.0 / 3.6e6 * 0.36).abs() < 1e-15);
    assert!((grams.unwrap() - 688.0 / 3.6e6 * 1000.0).abs() < 1e-12);
    // Two stages that came to the same artifact.
    let key = fixture.launch.stages[0].key.clone();
    (fixture.launch.stages[1].key, fixture.launch.stages[1].kind) = (key, "subset".into());
    assert_eq!(joules(&fixture).0, Some(528.0));
}

#[test]
fn an_energy_that_is_not_known_of_every_artifact_is_no_total() {
    let fixture = Fixture::birds().with_energy(None);
    let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
    fixture.change(train, |receipt| receipt["device"] = serde_json::json!({ "cuda": 0 }));
    let row = &rows(&fixture.stored()).unwrap()[0];
    assert_eq!((row.energy_joules, &row.energy_class, row.cost), (None, &None, None));
}

#[test]
fn a_run_without_scores_leaves_its_cells_empty_and_claims_no_total() {
    let fixture = Fixture::birds().with_failed_run(0);
    let rows = rows(&fixture.stored()).unwrap();
    assert_eq!((rows[0].scores.accuracy, rows[0].total_secs), (None, None));
    let table = table(&fixture.launch.axes, &rows);
    let cell =
        |name: &str| table.rows[0][table.columns.iter().position(|column| column == name).unwrap()].plain();
    assert_eq!([cell("accuracy"), cell("total_secs"), cell("energy_joules")], ["", "", ""]);
    assert_eq!(cell("state"), "failed");
}

#[test]
fn a_run_that_rests_on_weights_made_elsewhere_says_that_their_cost_is_unknown() {
    let mut fixture = Fixture::birds();
    let cells = |fixture: &Fixture| {
        let table = table(&fixture.launch.axes, &rows(&fixture.stored()).unwrap());
        let place = table.columns.iter().position(|column| column == "upstream_energy").unwrap();
        table.rows.iter().map(|row| row[place].plain()).collect::<Vec<_>>()
    };
    assert!(cells(&fixture).iter().all(String::is_empty));
    let tiny = fixture.launch.stages.iter_mut().find(|stage| stage.kind == "distil").unwrap();
    tiny.provenance.insert("upstream_energy".into(), "unknown".into());
    let told = cells(&fixture);
    assert_eq!(told.iter().filter(|cell| *cell == "unknown").count(), told.len() / 2);
    let shown = super::super::terminal::render_runs(&fixture.launch, &fixture.store, 200, false).unwrap();
    assert!(shown.contains("6 runs started from weights made elsewhere"), "{shown}");
}

#[test]
fn an_axis_does_not_take_the_place_of_another_column() {
    let table = table(&["steps".into(), "arm".into()], &[]);
    assert_eq!(table.columns[3..5], ["axis.steps", "arm"]);
    assert_eq!(table.columns.iter().filter(|name| *name == "steps").count(), 1);
}

#[test]
fn scores_that_cannot_be_read_are_an_error_that_names_the_file() {
    let fixture = Fixture::birds();
    std::fs::write(fixture.content(&fixture.launch.runs[0], "metrics.json"), "{").unwrap();
    let message = format!("{:#}", rows(&fixture.stored()).unwrap_err());
    assert!(message.contains("metrics.json"), "{message}");
}

#[test]
fn a_training_that_its_patience_ended_is_done_and_one_that_a_budget_ended_is_not() {
    let ended_by = |how: &str| -> Training {
        let text = format!(r#"{{"steps": 600, "undertrained": true, "ended_by": {how}}}"#);
        serde_json::from_str(&text).unwrap()
    };
    let said = ["null", "\"max_secs\"", "\"patience\""].map(|how| ended_by(how).undertrained());
    assert_eq!(said, [Some(true), Some(true), Some(false)]);
    // Without validation images nothing is known.
    assert_eq!(Training::default().undertrained(), None);
}
