//! `pipeline data fetch`: a data set from its `url` to its `path`.

use serde_json::json;

use super::arguments::DataFetch;
use super::bar::Bar;
use super::data::named;
use super::failure::Failure;
use super::list::bytes;
use super::opened::{Opened, eprint};
use super::say::say;
use crate::data::{self, Fetched, Order, Progress};

pub fn fetch(arguments: &DataFetch) -> Result<(), Failure> {
    let opened = Opened::here()?;
    let name = &arguments.name;
    let set = named(&opened, name)?;
    let (Some(path), Some(url), Some(sha256)) = (&set.path, &set.url, &set.sha256) else {
        return Err(Failure::usage(format!(
            "data set `{name}` has no `url`\nhint: give it `url` and `sha256` in pipeline.toml"
        )));
    };
    let to = opened.root.join(path);
    let template = "{bar:30.cyan/dim} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    let mut loading = Some(Bar::new(None, template, "bytes"));
    let mut unpacking: Option<Bar> = None;
    let mut tell = |progress| match progress {
        Progress::Loaded(done, total) => loading.iter().for_each(|bar| bar.set(done, total)),
        Progress::Checking => {
            loading = None;
            eprint("checking its SHA-256\n");
        }
        Progress::Unpacked(files) => {
            let new = || Bar::new(None, "{spinner} {pos} files unpacked", "files unpacked");
            unpacking.get_or_insert_with(new).set(files, None);
        }
    };
    let fetched = data::fetch(&Order { url, sha256, path: &to }, &mut tell)?;
    drop((loading, unpacking));
    if arguments.json {
        say!("{}", as_value(name, &fetched));
        return Ok(());
    }
    say!("{}", told(name, &path.display().to_string(), &fetched));
    if let Fetched::Unpacked { links: 1.., .. } = fetched {
        eprint("warning: the archive holds links, which are not made\n");
    }
    Ok(())
}

fn told(name: &str, path: &str, fetched: &Fetched) -> String {
    match fetched {
        Fetched::There => format!("{name} is there already: {path}"),
        Fetched::Kept { bytes: size } => format!("{name}: {} in {path}", bytes(*size)),
        Fetched::Unpacked { files, bytes: size, .. } => {
            format!("{name}: {files} files, {} in {path}", bytes(*size))
        }
    }
}

fn as_value(name: &str, fetched: &Fetched) -> serde_json::Value {
    let (state, files, size) = match fetched {
        Fetched::There => ("there", None, None),
        Fetched::Kept { bytes } => ("kept", None, Some(*bytes)),
        Fetched::Unpacked { files, bytes, .. } => ("unpacked", Some(*files), Some(*bytes)),
    };
    json!({ "version": 1, "dataset": name, "state": state, "files": files, "bytes": size })
}
