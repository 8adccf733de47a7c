//! Which groups stand against one another.

use super::super::fixture::Fixture;
use super::super::summary::{ACCURACY, ENERGY, TOTAL_SECS};
use super::*;

fn by(axis: &str) -> Chosen<'_> {
    Chosen { by: Some(axis), ..Chosen::default() }
}

fn pairs(sides: &Sides, names: [&str; 2]) -> Vec<String> {
    let text = |side: &Side| names.map(|name| side.label(name).to_string()).join(" ");
    let pair = |side: &Side| {
        let against = side.against.map_or("-".to_string(), |other| text(&sides.sides[other]));
        format!("{} : {against}", text(side))
    };
    sides.sides.iter().map(pair).collect()
}

#[test]
fn an_axis_is_compared_with_everything_else_equal() {
    let fixture = Fixture::birds();
    let launches = fixture.launches();
    let by_arm = sides(launches, &fixture.store, &by("arm")).unwrap();
    assert_eq!(
        pairs(&by_arm, ["arm", "network"]),
        [
            "full vgg16-bn : -",
            "distilled vgg16-bn : full vgg16-bn",
            "full ultralight : -",
            "distilled ultralight : full ultralight"
        ]
    );
    let pinned =
        sides(launches, &fixture.store, &Chosen { baseline: Some("ultralight"), ..by("network") }).unwrap();
    assert_eq!(pairs(&pinned, ["arm", "network"])[0], "full vgg16-bn : full ultralight");
}

#[test]
fn without_an_axis_the_first_group_is_the_baseline() {
    let fixture = Fixture::birds();
    let all = sides(fixture.launches(), &fixture.store, &Chosen::default()).unwrap();
    assert_eq!(
        all.sides.iter().map(|side| side.against).collect::<Vec<_>>(),
        [None, Some(0), Some(0), Some(0)]
    );
}

#[test]
fn an_experiment_stands_against_the_first_one() {
    let fixture = Fixture::birds();
    let other =
        Launch { experiment: "other".into(), launch: "20260315-000000".into(), ..fixture.launch.clone() };
    let both = sides(&[fixture.launch.clone(), other], &fixture.store, &Chosen::default()).unwrap();
    assert_eq!(both.by.as_deref(), Some("experiment"));
    assert_eq!(both.sides[1].against, Some(0));
    assert_eq!((both.sides[0].label("experiment"), both.sides[1].label("experiment")), ("verdict", "other"));
    assert_eq!(both.difference(&both.sides[1], ACCURACY).unwrap().mean, 0.0);
}

#[test]
fn groups_on_different_data_are_never_compared() {
    let fixture = Fixture::birds();
    let mut other = Launch { experiment: "real".into(), ..fixture.launch.clone() };
    other.stages[0].provenance.remove("stand_in");
    let both = sides(&[fixture.launch.clone(), other], &fixture.store, &Chosen::default()).unwrap();
    assert!(both.sides.iter().all(|side| side.against.is_none()));
}

#[test]
fn a_replicate_or_an_unknown_axis_is_refused_with_the_known_ones() {
    let fixture = Fixture::birds();
    let refusal = |by, baseline| {
        sides(fixture.launches(), &fixture.store, &Chosen { by: Some(by), baseline, ..Chosen::default() })
            .unwrap_err()
            .to_string()
    };
    assert!(refusal("seed", None).starts_with("`seed` is a replicate"));
    assert_eq!(
        refusal("arn", None),
        "there is no axis `arn` to compare by\nhint: there is `experiment`, `launch`, `arm`, `network`, `scores`, `data`"
    );
    let value = refusal("arm", Some("fully"));
    assert!(value.ends_with("hint: there is `full`, `distilled`"), "{value}");
}

#[test]
fn a_pinned_group_stands_against_all_others() {
    let fixture = Fixture::birds();
    let chosen = Chosen { baseline: Some("arm=full,network=ultralight"), ..Chosen::default() };
    let pinned = sides(fixture.launches(), &fixture.store, &chosen).unwrap();
    let against: Vec<_> = pinned.sides.iter().map(|side| side.against).collect();
    assert_eq!(against, [Some(1), None, Some(1), Some(1)]);
    assert_eq!(pinned.name(&pinned.sides[1]), "full, ultralight");
    let both = Chosen { by: Some("arm"), ..chosen };
    let refusal = sides(fixture.launches(), &fixture.store, &both).unwrap_err().to_string();
    assert!(refusal.ends_with("hint: leave out `--by`"), "{refusal}");
}

#[test]
fn a_pin_of_one_axis_says_what_to_compare_by() {
    let fixture = Fixture::birds();
    let chosen = Chosen { baseline: Some("arm=distilled"), ..Chosen::default() };
    let found = sides(fixture.launches(), &fixture.store, &chosen).unwrap();
    assert_eq!((found.by.as_deref(), found.baseline.as_str()), (Some("arm"), "distilled"));
}

#[test]
fn groups_are_made_by_the_axes_asked_for_and_filtered_by_value() {
    let fixture = Fixture::birds();
    let chosen = Chosen { group_by: vec!["arm"], ..Chosen::default() };
    let grouped = sides(fixture.launches(), &fixture.store, &chosen).unwrap();
    assert_eq!(grouped.sides.len(), 2);
    let spread = grouped.sides[0].group.spread(ACCURACY).unwrap();
    // Networks of a seed are averaged first: 0.75, 0.77, 0.79.
    assert!((spread.mean - 0.77).abs() < 1e-12 && spread.n == 3);
    let chosen = Chosen { only: vec![("network", "ultralight")], ..Chosen::default() };
    assert_eq!(sides(fixture.launches(), &fixture.store, &chosen).unwrap().sides.len(), 2);
    let chosen = Chosen { only: vec![("network", "lenet")], ..Chosen::default() };
    let refusal = sides(fixture.launches(), &fixture.store, &chosen).unwrap_err().to_string();
    assert_eq!(refusal, "nothing has `network` = `lenet`\nhint: there is `vgg16-bn`, `ultralight`");
    let chosen = Chosen { only: vec![("net", "lenet")], ..Chosen::default() };
    let refusal = sides(fixture.launches(), &fixture.store, &chosen).unwrap_err().to_string();
    assert!(refusal.starts_with("there is no axis `net` to keep groups by\nhint: there is"), "{refusal}");
}

#[test]
fn seconds_of_unlike_machines_make_no_ratio_unless_that_is_asked_for() {
    let fixture = Fixture::birds();
    let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
    fixture.note(train, "host", "lab-3");
    let ratio = |unlike| {
        let found = sides(fixture.launches(), &fixture.store, &Chosen { unlike, ..by("arm") }).unwrap();
        found.ratio(&found.sides[1], TOTAL_SECS)
    };
    assert_eq!(ratio(false), None);
    assert!(ratio(true).is_some());
}

#[test]
fn energies_have_a_ratio_only_where_they_were_taken_alike() {
    let fixture = Fixture::birds().with_energy(None);
    let ratio = |fixture: &Fixture| {
        let by_arm = sides(fixture.launches(), &fixture.store, &by("arm")).unwrap();
        by_arm.ratio(&by_arm.sides[1], ENERGY)
    };
    // (10 + 40 + 120 + 2) s against (10 + 120 + 2) s, one thread of 4 W.
    assert_eq!(ratio(&fixture), Some(688.0 / 528.0));
    let trained = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
    fixture.change(trained, |receipt| receipt["jobs"] = serde_json::json!(1));
    assert_eq!(ratio(&fixture), None);
}

#[test]
fn a_value_that_holds_commas_is_named_as_it_is() {
    let mut fixture = Fixture::birds();
    for run in &mut fixture.launch.runs {
        let arm = run.axes.get_mut("arm").unwrap();
        if arm == "distilled" {
            *arm = "DC, DSA, network=own".into();
        }
    }
    let found = |chosen: Chosen| sides(fixture.launches(), &fixture.store, &chosen);
    let baseline = |baseline| Chosen { baseline: Some(baseline), ..Chosen::default() };
    let pinned = found(baseline("arm=DC, DSA, network=own,network=ultralight")).unwrap();
    let against: Vec<_> = pinned.sides.iter().map(|side| side.against).collect();
    assert_eq!(against, [Some(3), Some(3), Some(3), None]);
    for chosen in
        [baseline("arm=DC, DSA, network=own"), Chosen { by: Some("arm"), ..baseline("DC, DSA, network=own") }]
    {
        let by_arm = found(chosen).unwrap();
        assert_eq!((by_arm.by.as_deref(), by_arm.baseline.as_str()), (Some("arm"), "DC, DSA, network=own"));
    }
    let kept = found(Chosen { only: vec![("arm", "DC, DSA, network=own")], ..Chosen::default() }).unwrap();
    assert_eq!(kept.sides.len(), 2);
    let refusal = found(baseline("arm=DC, DM")).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "no group has `arm=DC, DM` to measure the others against\nhint: `arm` is `full`, `DC, DSA, network=own`"
    );
}
