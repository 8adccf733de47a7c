//! Pages as they are read, by a program and by a browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::fixture::Fixture;
use super::*;

/// Four groups of three seeds with predictions, and 250 test images of eight pixels.
fn birds() -> Fixture {
    let fixture = Fixture::birds();
    for run in 0..fixture.launch.runs.len() {
        let (group, seed) = (run / 3, run % 3);
        fixture.predict(run, |image| (image * 7 + seed * 3) % 10 > group);
    }
    fixture.test_images(8);
    fixture
}

fn written(fixture: &Fixture, folder: &Path) -> PathBuf {
    let page = Page {
        chosen: Chosen::default(),
        margin: 0.02,
        pictures: vec![Picture {
            title: "subset photos".into(),
            caption: "one row a class".into(),
            image: image::RgbImage::new(40, 20),
        }],
        sources: vec![("verdict".into(), "question = \"<b>?\"".into())],
    };
    let to = folder.join("report.html");
    assert!(write_report(fixture.launches(), &fixture.store, &page, &to).unwrap());
    to
}

#[test]
fn a_page_holds_every_part_in_order_and_fetches_nothing() {
    let (fixture, folder) = (birds(), tempfile::tempdir().unwrap());
    let html = fs::read_to_string(written(&fixture, folder.path())).unwrap();
    let ids = [
        "leaderboard",
        "cost",
        "break-even",
        "curves",
        "stages",
        "confusion",
        "errors",
        "images",
        "settings",
        "method",
        "again",
    ];
    let places: Vec<Option<usize>> =
        ids.iter().map(|id| html.find(&format!("<section id=\"{id}\">"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    let elsewhere = html.replace("http://www.w3.org/2000/svg", "");
    for fetching in ["http:", "https:", "src=\"/", "@import", "url("] {
        assert!(!elsewhere.contains(fetching), "{fetching}");
    }
    assert!(html.contains("question = &quot;&lt;b&gt;?&quot;") && html.contains("Content-Security-Policy"));
    assert!(html.len() < 1_000_000, "{}", html.len());
}

#[test]
fn each_plot_is_a_file_with_its_data_beside_it() {
    let (fixture, folder) = (birds(), tempfile::tempdir().unwrap());
    written(&fixture, folder.path());
    for name in ["accuracy_seconds", "stage_seconds", "confusion", "curves_steps"] {
        let svg = fs::read_to_string(folder.path().join(format!("report/{name}.svg"))).unwrap();
        let data = fs::read_to_string(folder.path().join(format!("report/{name}.csv"))).unwrap();
        assert!(svg.starts_with("<svg xmlns") && svg.contains("<style>"), "{name}");
        assert!(data.starts_with("group,") && data.lines().count() > 4, "{name}: {data}");
    }
}

#[test]
fn a_page_opens_with_a_verdict_and_what_must_not_be_overlooked() {
    let fixture = birds();
    let facts = Facts::gather(fixture.launches(), &fixture.store, &Chosen::default(), 0.02).unwrap();
    insta::assert_snapshot!(
        [vec![words::headline(&facts)], words::interpretation(&facts), words::cautions(&facts)]
            .concat()
            .join("\n")
    );
}

#[test]
fn a_group_that_is_no_worse_and_cheaper_is_the_verdict() {
    let fixture = birds();
    for run in 0..fixture.launch.runs.len() {
        let seed = run % 3;
        let train = fixture.launch.input(fixture.launch.runs[run].evaluate, "of").unwrap();
        fixture.file(train, "training.json", r#"{"steps": 600, "undertrained": false}"#);
        // The second group errs on the very same images, less one.
        fixture.predict(run, |image| (image * 7 + seed * 3) % 10 >= 2 || (run / 3 == 1 && image == 5));
    }
    let chosen = Chosen { only: vec![("arm", "full")], ..Chosen::default() };
    let facts = Facts::gather(fixture.launches(), &fixture.store, &chosen, 0.02).unwrap();
    let said = words::headline(&facts);
    assert!(
        said.starts_with("Shown: ultralight is within 2 points of vgg16-bn, at × 1.00 its seconds"),
        "{said}"
    );
}

#[test]
fn a_group_that_is_better_by_more_than_the_margin_is_said_to_be() {
    let fixture = birds();
    for run in 0..fixture.launch.runs.len() {
        let seed = run % 3;
        let train = fixture.launch.input(fixture.launch.runs[run].evaluate, "of").unwrap();
        fixture.file(train, "training.json", r#"{"steps": 600, "undertrained": false}"#);
        fixture.predict(run, |image| (image * 7 + seed * 3) % 10 >= if run / 3 == 1 { 1 } else { 6 });
    }
    let chosen = Chosen { only: vec![("arm", "full")], ..Chosen::default() };
    let facts = Facts::gather(fixture.launches(), &fixture.store, &chosen, 0.02).unwrap();
    let said = words::headline(&facts);
    assert!(
        said.starts_with("Shown: ultralight is more accurate than vgg16-bn by more than 2 points"),
        "{said}"
    );
}

#[test]
fn a_page_of_a_hundred_runs_stays_small() {
    let mut fixture = Fixture::sets(&[]);
    for arm in 0..25 {
        fixture.add_sets(&format!("arm-{arm}"), &[&[0.5], &[0.6], &[0.7], &[0.8]]);
    }
    for run in 0..fixture.launch.runs.len() {
        fixture.predict(run, |image| (image * 7 + run) % 10 > 2);
    }
    let folder = tempfile::tempdir().unwrap();
    let html = fs::read_to_string(written(&fixture, folder.path())).unwrap();
    assert!(html.contains("arm-24") && html.len() < 1_500_000, "{}", html.len());
}

#[test]
fn a_launch_without_scores_has_no_page() {
    let mut fixture = Fixture::birds();
    fixture.launch.runs.clear();
    let folder = tempfile::tempdir().unwrap();
    let page = Page { chosen: Chosen::default(), margin: 0.02, pictures: Vec::new(), sources: Vec::new() };
    let to = folder.path().join("report.html");
    assert!(!write_report(fixture.launches(), &fixture.store, &page, &to).unwrap());
    assert!(!to.exists());
}

/// Runs in the page, and leaves what it found in an attribute of its root.
const PROBE: &str = r##"<script>
const found = { errors: [], sorted: [], tip: "" };
addEventListener("error", (event) => found.errors.push(event.message));
document.addEventListener("securitypolicyviolation", (event) => found.errors.push(event.violatedDirective));
addEventListener("load", () => {
  const table = document.querySelector("#leaderboard table");
  const heads = [...table.tHead.rows[0].cells];
  const column = heads.findIndex((head) => head.textContent === "accuracy %");
  const values = () => [...table.tBodies[0].rows].map((row) => Number(row.cells[column].dataset.v));
  for (const turn of [1, 2]) {
    heads[column].querySelector("button").click();
    found.sorted.push([heads[column].getAttribute("aria-sort"), values()]);
  }
  const mark = document.querySelector("#cost [data-tip]");
  mark.dispatchEvent(new PointerEvent("pointermove", { bubbles: true }));
  found.tip = document.getElementById("tip").textContent;
  found.fetched = performance.getEntriesByType("resource").filter((one) => !one.name.startsWith("data:")).length;
  found.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  document.documentElement.dataset.found = btoa(unescape(encodeURIComponent(JSON.stringify(found))));
});
</script>"##;

fn chromium() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()))
}

/// What the probe found in a window of `width` pixels, and what was said on the console.
fn looked_at(browser: &str, page: &Path, width: u32) -> (serde_json::Value, String) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-first-run",
        ])
        .args(["--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom"])
        .arg(format!("--window-size={width},900"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let (dom, log) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr).into_owned());
    let found = dom.split_once("data-found=\"").unwrap_or_else(|| panic!("no probe in the page:\n{log}")).1;
    let bytes =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, found.split('"').next().unwrap());
    let console = log.lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>().join("\n");
    (serde_json::from_slice(&bytes.unwrap()).unwrap(), console)
}

#[test]
fn a_browser_opens_the_page_sorts_its_tables_and_fetches_nothing() {
    let Some(browser) = chromium() else {
        eprintln!("skipped: no Chromium here to open the page in (`apt-get install chromium`)");
        return;
    };
    let (fixture, folder) = (birds(), tempfile::tempdir().unwrap());
    let page = written(&fixture, folder.path());
    let html = fs::read_to_string(&page).unwrap().replace("<main>", &format!("{PROBE}<main>"));
    fs::write(&page, html).unwrap();
    for width in [500, 1400] {
        let (found, console) = looked_at(browser, &page, width);
        assert_eq!((&found["errors"], console.as_str()), (&serde_json::json!([]), ""), "{found}");
        let sorted = |turn: usize| -> (String, Vec<f64>) {
            serde_json::from_value(found["sorted"][turn].clone()).unwrap()
        };
        let (first, second) = (sorted(0), sorted(1));
        assert_eq!((first.0.as_str(), second.0.as_str()), ("descending", "ascending"));
        assert!(first.1.len() == 4 && second.1.is_sorted() && first.1.iter().rev().is_sorted(), "{found}");
        assert!(found["tip"].as_str().unwrap().contains("full, vgg16-bn"), "{found}");
        assert_eq!((&found["fetched"], &found["wide"]), (&serde_json::json!(0), &serde_json::json!(false)));
    }
}
