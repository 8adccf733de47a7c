//! Experts that a distillation lacks, does not look at, or cannot follow.

use super::{Distil, Following, Labelling, Method};
use crate::recipe::{Complaint, Facts};

/// `from` is the image set, `experts` what `experts` names.
pub fn complaints(distil: &Distil, from: &Facts, experts: Option<&Facts>) -> Vec<Complaint> {
    let name = distil.method.name();
    let Some(following) = distil.method.following(distil.images_per_class) else {
        let idle =
            Complaint::new(&["experts"], format!("`{name}` follows no experts")).hint("leave `experts` out");
        return distil.experts.iter().map(|_| idle.clone()).collect();
    };
    if distil.experts.is_none() {
        let complaint = Complaint::new(&["method"], format!("`{name}` needs `experts` to follow"));
        let hint =
            "`experts = \"NAME\"` names an `[experts.NAME]`; `pipeline explain experts` lists its settings";
        return vec![complaint.hint(hint)];
    }
    let own = [no_window(&distil.method, &following), labels_of_noise(&distil.method, &following)];
    let there = experts.into_iter().flat_map(|experts| {
        [too_short(&following, experts), other_images(from, experts), other_whitening(distil, experts)]
    });
    own.into_iter().chain(there).flatten().collect()
}

fn no_window(method: &Method, following: &Following) -> Option<Complaint> {
    let (earliest, latest) = (following.window.earliest, following.window.end(0));
    let message = format!("no epoch is {earliest} or later and below {latest}, for a student to start after");
    (earliest >= latest).then(|| {
        let field =
            if matches!(method, Method::DifficultyAligned(_)) { "earliest_start" } else { "latest_start" };
        Complaint::new(&["method", method.name(), field], message)
    })
}

fn labels_of_noise(method: &Method, following: &Following) -> Option<Complaint> {
    let wrong = following.labels != Labelling::Hard && !following.init.is_real();
    let message = "an expert has no label for an image that starts as noise";
    wrong.then(|| {
        Complaint::new(&["method", method.name(), "labels"], message)
            .hint("set `init = \"real\"` or `\"herding\"`")
    })
}

fn too_short(following: &Following, experts: &Facts) -> Option<Complaint> {
    let there = experts.trajectories.as_ref()?.epochs;
    let (latest, more) = (following.window.latest, following.expert_epochs);
    let last = latest - 1 + more;
    let message =
        format!("a start below epoch {latest} and {more} epochs beyond it reach epoch {last}, of {there}");
    let hint = format!("`epochs = {last}` of the experts, or lower `latest_start` or `expert_epochs`");
    (last > there).then(|| Complaint::new(&["experts"], message).hint(hint).against("experts", &["epochs"]))
}

fn other_images(from: &Facts, experts: &Facts) -> Option<Complaint> {
    let (images, trained) = (from.image_size?, experts.image_size?);
    let message = format!("images of {images} pixels for experts trained on {trained}");
    (images != trained).then(|| Complaint::new(&["experts"], message).against("from", &["image_size"]))
}

fn other_whitening(distil: &Distil, experts: &Facts) -> Option<Complaint> {
    let whitened = experts.trajectories.as_ref()?.whitened;
    let message = match whitened {
        true => "experts of whitened images for a set that is not whitened",
        false => "a whitened set for experts of images that were not whitened",
    };
    (whitened != distil.zca).then(|| {
        let complaint = Complaint::new(&["experts"], message).against("experts", &["zca"]);
        complaint.hint("set `zca` alike in both")
    })
}
