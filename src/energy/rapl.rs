//! The processor's counters of energy (RAPL), as Linux shows them below `/sys/class/powercap`.
//!
//! Only packages are summed: `core` and `uncore` are parts of a package, `psys` is a sum that holds it. Memory (`dram`)
//! stands apart. Where a package is shown twice, by MSR and by MMIO, it is read once.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::units::Joules;

/// The counters of the machine's packages and of their memory.
#[derive(Debug)]
pub struct Rapl {
    packages: Vec<Counter>,
    memory: Vec<Counter>,
}

/// Why the counters cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// As in nearly every virtual machine.
    Absent,
    /// Since 2020 Linux shows them to root alone.
    Denied(PathBuf),
    Unreadable(PathBuf),
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Absent => write!(out, "the processor shows no counter of energy (RAPL)"),
            Trouble::Denied(path) => write!(out, "`{}` is not readable for this user", path.display()),
            Trouble::Unreadable(path) => write!(out, "`{}` holds no number", path.display()),
        }
    }
}

/// Joules since the counters were last read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    pub packages: Joules,
    /// `None` where memory has no counter.
    pub memory: Option<Joules>,
}

impl Rapl {
    /// Finds every counter and reads it for the first time.
    ///
    /// # Errors
    /// When there is no package, or one of several cannot be read: a part is not a total.
    pub fn open(powercap: &Path) -> Result<Rapl, Trouble> {
        let zones = zones(powercap);
        let packages: Vec<&Zone> = zones.iter().filter(|zone| zone.name.starts_with("package")).collect();
        if packages.is_empty() {
            return Err(Trouble::Absent);
        }
        let packages = first_of_each(packages, |zone| zone.name.clone())?;
        let memory = zones.iter().filter(|zone| zone.name == "dram").collect();
        let package_of = |zone: &Zone| {
            let parent = zone.path.to_string_lossy();
            let parent = parent.rsplit_once(':').map_or("", |(parent, _)| parent).to_string();
            let named = zones.iter().find(|zone| zone.path == Path::new(&parent));
            named.map_or(parent.clone(), |zone| zone.name.clone())
        };
        // Memory that cannot be read is missing; the packages stand without it.
        let memory = first_of_each(memory, package_of).unwrap_or_default();
        Ok(Rapl { packages, memory })
    }

    /// What was drawn since the last look; `None` once a counter cannot be read any more.
    pub fn advance(&mut self) -> Option<Drawn> {
        let sum = |counters: &mut Vec<Counter>| -> Option<Joules> {
            let micros = counters.iter_mut().map(Counter::advance).sum::<Option<u64>>()?;
            Some(Joules::new(micros as f64 / 1e6))
        };
        let packages = sum(&mut self.packages)?;
        if !self.memory.is_empty() {
            let memory = sum(&mut self.memory);
            if memory.is_none() {
                self.memory.clear();
            }
            return Some(Drawn { packages, memory });
        }
        Some(Drawn { packages, memory: None })
    }

    pub fn packages(&self) -> usize {
        self.packages.len()
    }

    pub fn has_memory(&self) -> bool {
        !self.memory.is_empty()
    }
}

struct Zone {
    path: PathBuf,
    name: String,
}

/// Every zone, those of the MSRs before those of MMIO.
fn zones(powercap: &Path) -> Vec<Zone> {
    let entries = fs::read_dir(powercap).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort_by_key(|path| (path.to_string_lossy().contains("mmio"), path.clone()));
    let zone = |path: PathBuf| {
        let name = fs::read_to_string(path.join("name")).ok()?.trim().to_string();
        Some(Zone { path, name })
    };
    paths.into_iter().filter_map(zone).collect()
}

/// A counter for each different `id`: the first that can be read, else the trouble with the first.
fn first_of_each(zones: Vec<&Zone>, id: impl Fn(&Zone) -> String) -> Result<Vec<Counter>, Trouble> {
    let mut found: BTreeMap<String, Result<Counter, Trouble>> = BTreeMap::new();
    for zone in zones {
        let id = id(zone);
        match found.get(&id) {
            Some(Ok(_)) => {}
            Some(Err(_)) => drop(Counter::open(&zone.path).map(|counter| found.insert(id, Ok(counter)))),
            None => drop(found.insert(id, Counter::open(&zone.path))),
        }
    }
    found.into_values().collect()
}

/// One counter in microjoules, which starts again at 0 when it is full.
#[derive(Debug)]
struct Counter {
    path: PathBuf,
    last: u64,
    /// Where it starts again; at 200 W a usual one does after 22 minutes.
    range: u64,
}

impl Counter {
    fn open(zone: &Path) -> Result<Counter, Trouble> {
        let path = zone.join("energy_uj");
        let last = read(&path)?;
        let range = read(&zone.join("max_energy_range_uj"))?;
        Ok(Counter { path, last, range })
    }

    fn advance(&mut self) -> Option<u64> {
        let now = read(&self.path).ok()?;
        let last = std::mem::replace(&mut self.last, now);
        if now >= last {
            return Some(now - last);
        }
        // One that went back for another reason, as after a resume, tells nothing.
        Some(self.range.checked_sub(last)? + now)
    }
}

fn read(path: &Path) -> Result<u64, Trouble> {
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Trouble::Denied(path.to_path_buf()),
        _ => Trouble::Unreadable(path.to_path_buf()),
    })?;
    text.trim().parse().map_err(|_| Trouble::Unreadable(path.to_path_buf()))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A folder like `/sys/class/powercap`.
    pub struct Tree {
        folder: tempfile::TempDir,
    }

    impl Tree {
        /// Zones by folder, name and microjoules; each starts again at 1,000 J.
        pub fn new(zones: &[(&str, &str, u64)]) -> Tree {
            let tree = Tree { folder: tempfile::tempdir().unwrap() };
            for (zone, name, micros) in zones {
                let path = tree.path().join(zone);
                fs::create_dir_all(&path).unwrap();
                fs::write(path.join("name"), format!("{name}\n")).unwrap();
                fs::write(path.join("max_energy_range_uj"), "1000000000\n").unwrap();
                tree.set(zone, *micros);
            }
            tree
        }

        pub fn path(&self) -> &Path {
            self.folder.path()
        }

        pub fn set(&self, zone: &str, micros: u64) {
            fs::write(self.path().join(zone).join("energy_uj"), format!("{micros}\n")).unwrap();
        }
    }

    /// Recorded on a server with two packages.
    const SERVER: &[(&str, &str, u64)] = &[
        ("intel-rapl:0", "package-0", 100_000_000),
        ("intel-rapl:0:0", "core", 60_000_000),
        ("intel-rapl:0:1", "dram", 10_000_000),
        ("intel-rapl:1", "package-1", 200_000_000),
        ("intel-rapl:1:0", "dram", 20_000_000),
    ];

    fn joules(drawn: Option<Drawn>) -> (f64, Option<f64>) {
        let drawn = drawn.unwrap();
        (drawn.packages.value(), drawn.memory.map(Joules::value))
    }

    #[test]
    fn packages_are_summed_and_memory_stands_apart() {
        let tree = Tree::new(SERVER);
        let mut rapl = Rapl::open(tree.path()).unwrap();
        tree.set("intel-rapl:0", 105_000_000);
        tree.set("intel-rapl:0:0", 999_000_000);
        tree.set("intel-rapl:0:1", 10_500_000);
        tree.set("intel-rapl:1", 202_000_000);
        tree.set("intel-rapl:1:0", 20_250_000);
        assert_eq!(joules(rapl.advance()), (7.0, Some(0.75)));
        assert_eq!(joules(rapl.advance()), (0.0, Some(0.0)));
    }

    #[test]
    fn a_counter_that_starts_again_gives_no_negative_energy() {
        let tree = Tree::new(&[("intel-rapl:0", "package-0", 999_000_000)]);
        let mut rapl = Rapl::open(tree.path()).unwrap();
        tree.set("intel-rapl:0", 4_000_000);
        assert_eq!(joules(rapl.advance()), (5.0, None));
    }

    /// Recorded on a laptop: psys holds the package, which is there twice.
    #[test]
    fn neither_psys_nor_a_second_way_to_the_same_package_is_counted() {
        let tree = Tree::new(&[
            ("intel-rapl-mmio:0", "package-0", 7_000_000),
            ("intel-rapl:0", "package-0", 7_000_000),
            ("intel-rapl:0:0", "core", 5_000_000),
            ("intel-rapl:0:1", "uncore", 1_000_000),
            ("intel-rapl:1", "psys", 9_000_000),
        ]);
        let mut rapl = Rapl::open(tree.path()).unwrap();
        for zone in ["intel-rapl-mmio:0", "intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"] {
            tree.set(zone, 11_000_000);
        }
        assert_eq!((rapl.packages(), joules(rapl.advance())), (1, (4.0, None)));
    }

    #[test]
    fn two_dies_of_a_package_are_both_counted() {
        let tree =
            Tree::new(&[("intel-rapl:0", "package-0-die-0", 0), ("intel-rapl:1", "package-0-die-1", 0)]);
        let mut rapl = Rapl::open(tree.path()).unwrap();
        tree.set("intel-rapl:0", 1_000_000);
        tree.set("intel-rapl:1", 2_000_000);
        assert_eq!(joules(rapl.advance()), (3.0, None));
    }

    #[test]
    fn a_machine_without_counters_says_so() {
        assert_eq!(Rapl::open(Path::new("/nowhere")).unwrap_err(), Trouble::Absent);
        let only_psys = Tree::new(&[("intel-rapl:0", "psys", 1)]);
        assert_eq!(Rapl::open(only_psys.path()).unwrap_err(), Trouble::Absent);
    }

    #[test]
    fn one_package_of_two_that_cannot_be_read_is_no_total() {
        let tree = Tree::new(SERVER);
        fs::remove_file(tree.path().join("intel-rapl:1/energy_uj")).unwrap();
        assert!(matches!(Rapl::open(tree.path()).unwrap_err(), Trouble::Unreadable(_)));
    }

    #[test]
    fn a_counter_that_goes_away_meanwhile_ends_the_measurement() {
        let tree = Tree::new(SERVER);
        let mut rapl = Rapl::open(tree.path()).unwrap();
        fs::write(tree.path().join("intel-rapl:0/energy_uj"), "").unwrap();
        assert_eq!(rapl.advance(), None);
    }

    #[test]
    fn a_file_that_may_not_be_read_is_told_from_one_that_is_not_there() {
        let denied = Trouble::Denied(PathBuf::from("/sys/class/powercap/intel-rapl:0/energy_uj"));
        assert!(denied.to_string().contains("not readable for this user"));
        use std::os::unix::fs::PermissionsExt;
        let tree = Tree::new(SERVER);
        let file = tree.path().join("intel-rapl:0/energy_uj");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o200)).unwrap();
        if fs::read(&file).is_ok() {
            eprintln!("skipped: this user may read everything");
            return;
        }
        assert_eq!(Rapl::open(tree.path()).unwrap_err(), Trouble::Denied(file));
    }
}
