//! What is said of wrong experiments; would a newcomer know what to do?

use super::*;

/// The design's experiment with one text put for another, and what is said of it.
fn changed(from: &str, to: &str) -> String {
    assert!(DESIGN.contains(from), "{from}");
    Folder::new(&DESIGN.replacen(from, to, 1)).said(&[])
}

#[test]
fn a_misspelt_key() {
    insta::assert_snapshot!(changed("steps = 600", "stpes = 600"));
}

#[test]
fn a_wrong_type() {
    insta::assert_snapshot!(changed("steps = 600", "steps = \"600\""));
}

#[test]
fn four_errors_in_one_file_are_all_told() {
    let text = DESIGN
        .replace("image_size = 64", "image_size = 64.0")
        .replace("copies = 2", "copys = 2")
        .replace("images_per_class = 1", "images_per_class = 6000")
        .replace("of = \"net\"", "of = \"nett\"");
    let folder = Folder::new(&text);
    assert_eq!(folder.load(&[]).unwrap_err().len(), 4);
    insta::assert_snapshot!(folder.said(&[]));
}

#[test]
fn two_errors_in_one_stage_are_both_told_though_one_is_about_another_stage() {
    insta::assert_snapshot!(changed("from = \"photos\"\ncopies = 2", "from = \"fotos\"\ncopies = \"2\""));
}

#[test]
fn missing_keys() {
    insta::assert_snapshot!(changed("network = \"{network}\"\n", ""));
}

#[test]
fn a_loop_of_stages() {
    let text = DESIGN.replace("from = \"photos\"\nimages_per_class", "from = \"more\"\nimages_per_class");
    insta::assert_snapshot!(Folder::new(&text.replacen("from = \"photos\"", "from = \"tiny\"", 1)).said(&[]));
}

#[test]
fn a_stage_that_reads_itself() {
    insta::assert_snapshot!(changed("from = \"photos\"\ncopies", "from = \"more\"\ncopies"));
}

#[test]
fn an_unknown_data_set() {
    insta::assert_snapshot!(changed("dataset = \"sketches\"", "dataset = \"sketch\""));
}

#[test]
fn a_data_set_that_is_not_there() {
    let folder = Folder::new(&DESIGN.replace("dataset = \"sketches\"", "dataset = \"birds\""));
    folder.write("pipeline.toml", "[datasets.birds]\npath = \"data/birds\"\n");
    insta::assert_snapshot!(folder.said(&[]));
}

#[test]
fn a_stand_in_is_told_of() {
    insta::assert_snapshot!(changed("dataset = \"sketches\"", "dataset = \"birds\""));
}

#[test]
fn a_data_set_named_where_a_stage_is_wanted() {
    insta::assert_snapshot!(changed("on = \"photos\"", "on = \"birds\""));
}

#[test]
fn an_unknown_network_in_the_matrix_points_at_the_matrix() {
    insta::assert_snapshot!(changed("\"ultralight\"]", "\"ultra-lite\"]"));
}

#[test]
fn a_bare_name_of_a_choice_that_needs_settings() {
    insta::assert_snapshot!(changed("{ sgd = { lr = 0.02, momentum = 0.9 } }", "\"sgd\""));
}

#[test]
fn settings_without_the_name_of_their_choice() {
    insta::assert_snapshot!(changed("{ sgd = { lr = 0.02, momentum = 0.9 } }", "{ lr = 0.02 }"));
    insta::assert_snapshot!(changed(
        "{ sgd = { lr = 0.02, momentum = 0.9 } }",
        "{ lr = 0.02, momentum = 0.9 }"
    ));
    insta::assert_snapshot!(changed(
        "{ sgd = { lr = 0.02, momentum = 0.9 } }",
        "{ sgd = {lr = 1.0}, adamw = {} }"
    ));
}

#[test]
fn fifty_images_a_class_asked_of_twenty() {
    let text =
        DESIGN.replace("train = 100", "train = 20").replace("images_per_class = 1", "images_per_class = 50");
    insta::assert_snapshot!(Folder::new(&text).said(&[]));
}

#[test]
fn a_value_from_the_matrix_out_of_range() {
    let text =
        DESIGN.replace("images_per_class = 1\n", "images_per_class = \"{ipc}\"\n") + "ipc = [1, 1001]\n";
    insta::assert_snapshot!(Folder::new(&text).said(&[]));
}

#[test]
fn a_value_from_the_file_that_is_extended() {
    let folder = Folder::new("extends = \"base.toml\"\n[train.net]\nsteps = 100\n");
    folder.write("base.toml", DESIGN.replace("lr = 0.02", "lr = -1"));
    insta::assert_snapshot!(folder.said(&[]));
}

#[test]
fn values_from_set() {
    let folder = Folder::new(DESIGN);
    insta::assert_snapshot!(folder.said(&["train.net.steps=many"]));
    insta::assert_snapshot!(folder.said(&["train.nett.steps=10"]));
    insta::assert_snapshot!(folder.said(&["train.net.steps"]));
    insta::assert_snapshot!(folder.said(&["device=cuda"]));
    insta::assert_snapshot!(folder.said(&["devise=cpu"]));
}

#[test]
fn a_network_where_an_image_set_is_wanted() {
    insta::assert_snapshot!(changed("on = \"photos\"", "on = \"net\""));
}

#[test]
fn a_misspelt_axis_and_a_missing_field() {
    insta::assert_snapshot!(changed("\"{network}\"", "\"{netwrok}\""));
    insta::assert_snapshot!(changed("\"{arm.data}\"", "\"{arm.date}\""));
    insta::assert_snapshot!(changed("\"{network}\"", "\"{network.name}\""));
    insta::assert_snapshot!(changed("\"{network}\"", "\"{network\""));
}

#[test]
fn replicates_that_are_no_axis() {
    insta::assert_snapshot!(changed("[\"seed\"]", "[\"seeds\"]"));
    insta::assert_snapshot!(changed("[\"seed\"]", "\"seed\""));
}

#[test]
fn a_matrix_with_nothing_left() {
    let text = DESIGN.to_string() + "include = [{ arm = \"full\" }]\nexclude = [{ arm = \"full\" }]\n";
    insta::assert_snapshot!(Folder::new(&text).said(&[]));
    let text = DESIGN.to_string() + "include = [{ arm = \"fall\", networks = \"cnn\" }]\n";
    insta::assert_snapshot!(Folder::new(&text).said(&[]));
}

#[test]
fn one_name_for_two_stages() {
    insta::assert_snapshot!(changed("[distil.tiny]", "[distil.more]"));
}

#[test]
fn a_stage_without_a_name_and_an_unknown_kind() {
    insta::assert_snapshot!(Folder::new("[train]\nsteps = 3\n").said(&[]));
    insta::assert_snapshot!(
        Folder::new("[trian.net]\nsteps = 3\n[datasets.birds]\npath = \"x\"\n").said(&[])
    );
    insta::assert_snapshot!(Folder::new("").said(&[]));
}

#[test]
fn equal_epochs_of_arms_that_differ_in_data() {
    insta::assert_snapshot!(changed("steps = 600", "epochs = 30"));
}

#[test]
fn neither_steps_nor_epochs() {
    insta::assert_snapshot!(changed("steps = 600\n", ""));
}

#[test]
fn syntax() {
    insta::assert_snapshot!(changed("copies = 2", "copies = two\nfrom = \"photos\""));
    insta::assert_snapshot!(changed(
        "apply = [{ brightness = { by = 0.3 } },",
        "apply = [{ brightness = { by = 0.3 },"
    ));
}

#[test]
fn files_that_cannot_be_read() {
    let folder = Folder::new(DESIGN);
    folder.write("latin.toml", b"question = \"caf\xe9\"\n");
    let said = |name: &str| folder.show(&folder.load_file(name, &[]).unwrap_err());
    insta::assert_snapshot!(said("y.toml"));
    insta::assert_snapshot!(said("latin.toml"));
    std::fs::create_dir(folder.path("more")).unwrap();
    folder.write("more/a.toml", "");
    insta::assert_snapshot!(said("more"));
}

#[test]
fn files_that_extend_one_another() {
    let folder = Folder::new("extends = \"a.toml\"\n");
    folder.write("a.toml", "question = \"?\"\nextends = \"x.toml\"\n");
    insta::assert_snapshot!(folder.said(&[]));
    folder.write("a.toml", "extends = \"b.toml\"\n");
    insta::assert_snapshot!(folder.said(&[]));
}

#[test]
fn a_project_with_mistakes() {
    let folder = Folder::new(DESIGN);
    let project = "devise = \"cpu\"\ntorch_threads = 0\n[datasets.sketches]\nformat = \"sketch-bird\"\n\
                   [datasets.birds]\nstand_in = \"skeches\"\npath = 3\n[datasets.x]\nstand_in = \"y\"\n";
    folder.write("pipeline.toml", project);
    folder.write("x.toml", DESIGN.replace("steps = 600", "stpes = 600"));
    insta::assert_snapshot!(folder.said(&[]));
}

#[test]
fn commands() {
    let text = "[command.a]\nrun = \"awk '{print $1}' {in.b} {in.photos}\"\n[command.b]\nrun = \"x\"\ninputs = [\"no.csv\"]\n";
    insta::assert_snapshot!(Folder::new(text).said(&[]));
}

#[test]
fn a_mistake_in_a_stage_made_many_times_is_told_once() {
    let folder = Folder::new(&DESIGN.replace("batch = 1", "").replace("momentum = 0.9", "momentum = 9"));
    assert_eq!(folder.load(&[]).unwrap_err().len(), 1);
}

#[test]
fn learned_labels_features_and_whitening_that_cannot_work() {
    let method = "method = { distribution-matching = { iterations = 500 } }";
    insta::assert_snapshot!(changed(method, "method = \"feature-regression\"\nfeatures = \"net\""));
    insta::assert_snapshot!(changed(method, "method = \"feature-regression\""));
    insta::assert_snapshot!(changed(method, "method = \"random\"\nzca = true"));
    insta::assert_snapshot!(changed("steps = 600", "steps = 600\nloss = \"mse\"\nlabel_smoothing = 0.1"));
}

#[test]
fn experts_that_are_missing_idle_too_short_or_see_other_images() {
    let method = "method = { distribution-matching = { iterations = 500 } }";
    let follows = |settings: &str, experts: &str| {
        let experts = format!("\n[experts.teachers]\nfrom = \"photos\"\nnetwork = \"convnet\"\n{experts}\n");
        let text = DESIGN.replacen(method, settings, 1);
        Folder::new(&text.replacen("\n[train.net]", &format!("{experts}\n[train.net]"), 1)).said(&[])
    };
    insta::assert_snapshot!(changed(method, "method = \"trajectory-matching\""));
    insta::assert_snapshot!(follows("method = \"random\"\nexperts = \"teachers\"", ""));
    let short = "method = { trajectory-matching = { latest_start = 9 } }\nexperts = \"teachers\"";
    insta::assert_snapshot!(follows(short, "epochs = 8\nzca = true\ntransforms = [\"colour\"]"));
    let window = "method = { difficulty-aligned = { earliest_start = 4 } }\nexperts = \"more\"";
    insta::assert_snapshot!(follows(window, ""));
}
