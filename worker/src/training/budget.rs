//! What a training may use: seconds, and joules as the stage's meter says them.

use anyhow::{Result, bail};
use pipeline::energy::{Energy, Joules};
use pipeline::engine::Task;
use pipeline::recipe::Train;
use serde_json::Value;

use super::run::End;

/// Why the training is to end now, if it is: the limit with what was used, as a sentence begins with it.
///
/// # Errors
/// Joules are limited, and a part of them cannot be known here.
pub fn used_up(recipe: &Train, task: &Task, secs: f64) -> Result<Option<(End, String)>> {
    if recipe.max_secs.is_some_and(|most| secs >= most) {
        return Ok(Some((End::OutOfTime, "`max_secs`".to_string())));
    }
    let Some(most) = recipe.max_joules else { return Ok(None) };
    let told = task.drawn_so_far();
    let Some(last) = told.last() else { return Ok(None) };
    let Some(joules) = told.iter().map(joules).sum::<Option<Joules>>() else {
        bail!(
            "`max_joules` cannot be held to: {}\nhint: `pipeline doctor` says what can be read; `max_secs` needs no meter",
            reason(last)
        );
    };
    let used = || format!("`max_joules` ({:.1} J, {})", joules.value(), class(last));
    Ok((joules.value() >= most).then(|| (End::OutOfEnergy, used())))
}

fn read(told: &Value) -> Option<Energy> {
    serde_json::from_value(told.clone()).ok()
}

fn joules(told: &Value) -> Option<Joules> {
    read(told)?.joules()
}

fn class(told: &Value) -> &'static str {
    read(told).map_or("unknown", |energy| energy.class().name())
}

/// Why a part is missing.
fn reason(told: &Value) -> String {
    let unread = || "the meter says nothing".to_string();
    let Some(energy) = read(told) else { return unread() };
    let parts = [Some(energy.processor), energy.memory, energy.gpu].into_iter().flatten();
    parts.filter(|part| part.joules.is_none()).find_map(|part| part.reason).unwrap_or_else(unread)
}
