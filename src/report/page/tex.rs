//! The page as a folder for LaTeX: tables, figures, a paragraph on the method, and a document that shows them all.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::super::cells::{escaped, latex};
use super::super::launch::Launch;
use super::facts::Facts;
use super::html::Column;
use super::{Page, Section, leaderboard, method, sections, words, write, write_plots};
use crate::engine::Store;

/// Columns of the leaderboard that each table shows behind what tells the groups apart, where they are known.
const TABLES: [(&str, &str, &[&str]); 2] = [
    (
        "accuracy",
        "Accuracy of each group",
        &["chosen", "accuracy %", "n", "Δ points", "95 % of Δ", "p (Holm)", "95 % over test images"],
    ),
    (
        "cost",
        "What a run of each group rests on, and what its network is made of",
        &[
            "accuracy %",
            "total s",
            "train s",
            "energy J",
            "J per 1000",
            "parameters",
            "multiply-adds",
            "training images",
        ],
    ),
];

/// Writes `report.tex`, which compiles as it is, what it takes in (`accuracy.tex`, `cost.tex`, `method.tex`), and each plot
/// as PDF and SVG, with its data as CSV, in `figures/`. Writes nothing and says so with `false` where no run has scores.
///
/// # Errors
/// As [`write_report`](super::write_report).
pub fn write_tex(launches: &[Launch], store: &Store, page: &Page, to: &Path) -> Result<bool> {
    let facts = Facts::gather(launches, store, &page.chosen, page.margin)?;
    if facts.best().is_none() {
        return Ok(false);
    }
    let sections = sections(&facts, store, page)?;
    fs::create_dir_all(to).with_context(|| format!("cannot make `{}`", to.display()))?;
    write_plots(&sections, &to.join("figures"))?;
    for (name, _, wanted) in TABLES {
        write(&to.join(format!("{name}.tex")), table(&facts, wanted).as_bytes())?;
    }
    write(&to.join("method.tex"), method_text(&facts).as_bytes())?;
    write(&to.join("report.tex"), document(&facts, &sections).as_bytes())?;
    Ok(true)
}

fn table(facts: &Facts, wanted: &[&str]) -> String {
    let mut columns = leaderboard::labels(facts);
    let all = leaderboard::columns(facts).into_iter().skip(columns.len());
    columns.extend(all.filter(|column| wanted.contains(&column.head.as_str()) && !column.is_blank()));
    let heads: Vec<String> = columns.iter().map(|column| column.head.clone()).collect();
    let right: Vec<bool> = columns.iter().map(|column| column.right).collect();
    let row = |at: usize| columns.iter().map(|column: &Column| column.fields[at].text.clone()).collect();
    latex(&heads, &facts.indices().map(row).collect::<Vec<Vec<String>>>(), &right)
}

/// A paragraph to be cut down: what was compared, how it was measured, and on what.
fn method_text(facts: &Facts) -> String {
    let mut lines = vec![words::headline(facts)];
    lines.extend(words::cautions(facts));
    lines.extend(method::sentences(facts));
    let machines = method::machines(facts).into_iter().map(|line| format!("{line}."));
    lines.push(machines.collect::<Vec<_>>().join(" "));
    lines.iter().map(|line| format!("{}\n\n", escaped(line))).collect()
}

/// Rules of tables that any LaTeX has, where `booktabs` is not installed.
const PREAMBLE: &str = r"\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[margin=2.5cm]{geometry}
\usepackage{graphicx}
\IfFileExists{booktabs.sty}{\usepackage{booktabs}}{\let\toprule\hline\let\midrule\hline\let\bottomrule\hline}
% Shrinks what is wider than the page, and nothing else.
\newsavebox{\wide}
\newcommand{\fitted}[1]{\sbox{\wide}{\input{#1}}\ifdim\wd\wide>\textwidth\resizebox{\textwidth}{!}{\usebox{\wide}}\else\usebox{\wide}\fi}
\newcommand{\drawn}[1]{\IfFileExists{figures/#1.pdf}{\includegraphics[width=\textwidth,height=.8\textheight,keepaspectratio]{figures/#1.pdf}}{}}
";

fn document(facts: &Facts, sections: &[Section]) -> String {
    let mut names: Vec<&str> = facts.launches.iter().map(|launch| launch.experiment.as_str()).collect();
    names.dedup();
    let mut text = format!(
        "{PREAMBLE}\\title{{{}}}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n",
        escaped(&names.join(", "))
    );
    let questions = facts.launches.iter().filter_map(|launch| launch.question.as_deref());
    questions.for_each(|question| text.push_str(&format!("{}\n\n", escaped(question))));
    text.push_str(&format!("\\noindent\\textbf{{{}}}\n", escaped(&words::headline(facts))));
    for (name, caption, _) in TABLES {
        text.push_str(&format!(
            "\\begin{{table}}[htbp]\n\\centering\\small\n\\caption{{{caption}.}}\n\\fitted{{{name}.tex}}\n\\end{{table}}\n"
        ));
    }
    for plot in sections.iter().flat_map(|section| &section.plots) {
        let caption = escaped(&super::capital(plot.svg.title()));
        text.push_str(&format!(
            "\\begin{{figure}}[htbp]\n\\centering\n\\drawn{{{}}}\n\\caption{{{caption}.}}\n\\end{{figure}}\n",
            plot.name
        ));
    }
    let commands: String =
        method::command_lines(facts.launches).lines().map(|line| format!("% {line}\n")).collect();
    text + "\\clearpage\n\\section*{Method}\n\\input{method.tex}\n% Made by:\n"
        + &commands
        + "\\end{document}\n"
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::super::fixture::Fixture;
    use super::super::super::sides::Chosen;
    use super::*;

    fn written(to: &Path) -> bool {
        let fixture = Fixture::birds().with_energy(None);
        let page =
            Page { chosen: Chosen::default(), margin: 0.02, pictures: Vec::new(), sources: Vec::new() };
        write_tex(fixture.launches(), &fixture.store, &page, to).unwrap()
    }

    #[test]
    fn the_folder_holds_tables_figures_and_the_method() {
        let folder = tempfile::tempdir().unwrap();
        assert!(written(folder.path()));
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let accuracy = read("accuracy.tex");
        assert!(accuracy.contains("vgg16-bn & 82.0 $\\pm$ 2.0"), "{accuracy}");
        assert!(read("cost.tex").contains("energy J"));
        assert!(read("method.tex").contains("Wilson's interval"));
        let report = read("report.tex");
        for name in ["lifetime", "curves_steps", "stage_joules"] {
            assert!(report.contains(&format!("\\drawn{{{name}}}")), "{name} is not in:\n{report}");
            for end in ["pdf", "svg", "csv"] {
                assert!(
                    folder.path().join("figures").join(format!("{name}.{end}")).is_file(),
                    "{name}.{end}"
                );
            }
        }
    }

    #[test]
    fn the_document_compiles() {
        if Command::new("pdflatex").arg("--version").output().is_err() {
            eprintln!("skipped: there is no `pdflatex` (Debian has it in texlive-latex-base)");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        written(folder.path());
        let run = Command::new("pdflatex")
            .args(["-interaction=nonstopmode", "-halt-on-error", "report.tex"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
        assert!(folder.path().join("report.pdf").is_file());
    }
}
