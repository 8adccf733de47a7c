//! Event files are read back by a reader of our own, and by TensorBoard's where it is installed.

use std::path::PathBuf;
use std::process::Command;

use super::super::fixture::Fixture;
use super::event::What;
use super::*;

/// What a record file holds, by the rules of the format: every checksum is looked at.
fn read_records(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(rest[8..12], record::masked(&rest[..8]).to_le_bytes());
        let payload = &rest[12..12 + length];
        assert_eq!(rest[12 + length..16 + length], record::masked(payload).to_le_bytes());
        records.push(payload.to_vec());
        rest = &rest[16 + length..];
    }
    records
}

/// Fields of a message: number, and the bytes or the number that it holds.
fn fields(mut message: &[u8]) -> Vec<(u8, Vec<u8>)> {
    fn varint(message: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = message[0];
            *message = &message[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = message[0];
        message = &message[1..];
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, varint(&mut message).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut message) as usize,
            _ => 4,
        };
        found.push((key >> 3, message[..length].to_vec()));
        message = &message[length..];
    }
    found
}

fn decode(message: &[u8]) -> Event {
    let mut event = Event { wall_time: 0.0, step: 0, what: What::Version(String::new()) };
    for (number, bytes) in fields(message) {
        match number {
            1 => event.wall_time = f64::from_le_bytes(bytes.try_into().unwrap()),
            2 => event.step = i64::from_le_bytes(bytes.try_into().unwrap()),
            3 => event.what = What::Version(String::from_utf8(bytes).unwrap()),
            _ => {
                let value = fields(&fields(&bytes)[0].1);
                let tag = String::from_utf8(value[0].1.clone()).unwrap();
                let value = f32::from_le_bytes(value[1].1.clone().try_into().unwrap());
                event.what = What::Scalar { tag, value };
            }
        }
    }
    event
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// A launch whose trainings have energy, and its event files.
fn written() -> (Fixture, tempfile::TempDir) {
    let fixture = Fixture::birds().with_energy(None);
    let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
    fixture.file(train, "curves.csv", "step,epoch,train_loss,train_accuracy,valid_loss,valid_accuracy,lr\n300,1,1.5,0.4,1.25,0.5,1e-2\n600,2,0.5,0.9,,,1e-8\n");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(write_tensorboard(&fixture.launch, &fixture.store, folder.path()).unwrap(), 12);
    // What is written twice stands there once.
    write_tensorboard(&fixture.launch, &fixture.store, folder.path()).unwrap();
    (fixture, folder)
}

#[test]
fn every_figure_of_a_curve_is_a_scalar_at_its_step() {
    let (_fixture, folder) = written();
    let stage = folder.path().join("net[arm=full, network=vgg16-bn, seed=0]");
    let files = files_below(&stage);
    assert_eq!(files.len(), 1);
    let events: Vec<Event> =
        read_records(&fs::read(&files[0]).unwrap()).iter().map(|record| decode(record)).collect();
    assert_eq!(events[0].what, What::Version("brain.Event:2".into()));
    let scalars: Vec<(i64, String, f32)> = events[1..]
        .iter()
        .map(|event| match &event.what {
            What::Scalar { tag, value } => (event.step, tag.clone(), *value),
            other => panic!("{other:?}"),
        })
        .collect();
    let at = |step: i64| {
        scalars
            .iter()
            .filter(|scalar| scalar.0 == step)
            .map(|(_, tag, value)| (tag.as_str(), *value))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        at(300),
        [
            ("lr", 0.01),
            ("accuracy/train", 0.4),
            ("loss/train", 1.5),
            ("accuracy/valid", 0.5),
            ("loss/valid", 1.25)
        ]
    );
    // What is not there is no 0.
    assert_eq!(at(600), [("lr", 1e-8), ("accuracy/train", 0.9), ("loss/train", 0.5)]);
}

#[test]
fn an_event_is_decoded_as_it_was_encoded() {
    let all = [Event::version(1.5), Event::scalar(1.7e9, 300_000, "energy/joules".into(), 12.25)];
    for event in all {
        assert_eq!(decode(&event.encode()), event);
    }
}

#[test]
fn moments_are_seconds_since_1970() {
    assert_eq!(unix_secs("1970-01-01T00:00:00.000Z"), 0.0);
    assert_eq!(unix_secs("2000-02-29T12:00:00.500Z"), 951_825_600.5);
    assert_eq!(unix_secs("2026-03-14T09:26:53.000Z"), 1_773_480_413.0);
    assert_eq!(unix_secs("yesterday"), 0.0);
}

#[test]
fn what_a_running_stage_says_can_be_read_before_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut live = LiveCurves::new(folder.path().to_path_buf());
    let figures =
        |loss: f64| BTreeMap::from([("loss".to_string(), loss), ("valid_accuracy".to_string(), 0.5)]);
    let scalars = || {
        let files = files_below(&folder.path().join("net[path=a_b]"));
        let [file] = files.as_slice() else { panic!("{files:?}") };
        let events = read_records(&fs::read(file).unwrap());
        let events = events.iter().map(|record| decode(record));
        events
            .filter_map(|event| match event.what {
                What::Scalar { tag, value } => Some((event.step, tag, value)),
                What::Version(_) => None,
            })
            .collect::<Vec<_>>()
    };
    live.append("net[path=a/b]", 10, &figures(1.5)).unwrap();
    let first = vec![(10, "loss/train".to_string(), 1.5), (10, "accuracy/valid".to_string(), 0.5)];
    assert_eq!(scalars(), first);
    live.append("net[path=a/b]", 20, &figures(0.75)).unwrap();
    // What says no figure leaves no folder.
    live.append("photos", 3, &BTreeMap::new()).unwrap();
    assert_eq!((scalars().len(), scalars()[2].2, files_below(folder.path()).len()), (4, 0.75, 1));
}

/// Prints the scalars of a folder as TensorBoard reads them.
const READER: &str = "import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
read = EventAccumulator(sys.argv[1])
read.Reload()
for tag in sorted(read.Tags()['scalars']):
    print(tag, [(one.step, round(one.value, 6)) for one in read.Scalars(tag)])
";

#[test]
fn tensorboard_reads_what_was_written() {
    let python = std::env::var("TENSORBOARD_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python).args(["-c", "import tensorboard"]).output();
    if !found.is_ok_and(|found| found.status.success()) {
        eprintln!("skipped: `{python}` has no TensorBoard; TENSORBOARD_PYTHON names one that has");
        return;
    }
    let (_fixture, folder) = written();
    let stage = folder.path().join("net[arm=full, network=vgg16-bn, seed=0]");
    let read = Command::new(&python).args(["-c", READER]).arg(&stage).output().unwrap();
    let text = String::from_utf8_lossy(&read.stdout);
    assert!(
        text.contains("accuracy/valid [(300, 0.5)]") && text.contains("loss/train [(300, 1.5), (600, 0.5)]"),
        "{text}{}",
        String::from_utf8_lossy(&read.stderr)
    );
}
