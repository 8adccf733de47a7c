//! An order of the stages in which inputs come first, or the loops that prevent one.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::matrix::Matrix;
use super::problem::{Problem, Problems};
use super::stages::Template;
use super::variant::{Read, Variants};

/// For each kept combination, the templates with inputs first; the file's order where that leaves a choice.
pub enum Order {
    /// One order serves every combination.
    One(Vec<usize>),
    Each(Vec<Vec<usize>>),
}

impl Order {
    pub fn of(&self, kept: usize) -> &[usize] {
        match self {
            Order::One(order) => order,
            Order::Each(orders) => &orders[kept],
        }
    }
}

/// Or the loops.
pub fn order(templates: &[Template], variants: &Variants, matrix: &Matrix) -> Result<Order, Problems> {
    let mut any: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); templates.len()];
    for variant in &variants.all {
        any[variant.template].extend(variant.reads.iter().filter_map(|read| read.template));
    }
    let any: Vec<Vec<usize>> = any.into_iter().map(Vec::from_iter).collect();
    if let Ok(order) = sort(&any) {
        return Ok(Order::One(order));
    }
    // Stages may read each other in different combinations, which is no loop.
    let mut orders = Vec::new();
    let mut loops: BTreeSet<Vec<usize>> = BTreeSet::new();
    let mut problems = Vec::new();
    for combination in matrix.kept.iter().copied() {
        let reads = |template| &variants.all[variants.serving(combination, template)].reads;
        let inputs: Vec<Vec<usize>> = (0..templates.len())
            .map(|template| reads(template).iter().filter_map(|read| read.template).collect())
            .collect();
        match sort(&inputs) {
            Ok(order) => orders.push(order),
            Err(stuck) => {
                for found in find_loops(&inputs, &stuck) {
                    if loops.insert(found.clone()) {
                        problems.push(loop_problem(&found, templates, reads));
                    }
                }
            }
        }
    }
    if problems.is_empty() { Ok(Order::Each(orders)) } else { Err(problems) }
}

/// Inputs first; or the templates that wait for one another.
fn sort(inputs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); inputs.len()];
    let mut waits: Vec<usize> = inputs.iter().map(Vec::len).collect();
    for (reader, inputs) in inputs.iter().enumerate() {
        inputs.iter().for_each(|input| readers[*input].push(reader));
    }
    let ready = waits.iter().enumerate().filter(|(_, waits)| **waits == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = ready.map(|(at, _)| Reverse(at)).collect();
    let mut order = Vec::with_capacity(inputs.len());
    while let Some(Reverse(next)) = ready.pop() {
        order.push(next);
        for reader in &readers[next] {
            waits[*reader] -= 1;
            if waits[*reader] == 0 {
                ready.push(Reverse(*reader));
            }
        }
    }
    match order.len() == inputs.len() {
        true => Ok(order),
        false => Err((0..inputs.len()).filter(|at| waits[*at] > 0).collect()),
    }
}

/// The loops among templates that wait for one another, each from its first member on.
fn find_loops(inputs: &[Vec<usize>], stuck: &[usize]) -> Vec<Vec<usize>> {
    let mut loops = Vec::new();
    let mut done: BTreeSet<usize> = BTreeSet::new();
    for start in stuck {
        let mut path: Vec<usize> = Vec::new();
        let mut next = Some(*start);
        while let Some(at) = next.filter(|at| !done.contains(at)) {
            if let Some(first) = path.iter().position(|known| *known == at) {
                loops.push(from_least(&path[first..]));
                break;
            }
            path.push(at);
            next = inputs[at].iter().copied().find(|input| stuck.contains(input));
        }
        done.extend(path);
    }
    loops
}

fn from_least(members: &[usize]) -> Vec<usize> {
    let least = members.iter().enumerate().min_by_key(|(_, member)| **member).map_or(0, |(at, _)| at);
    members[least..].iter().chain(&members[..least]).copied().collect()
}

fn loop_problem<'a>(
    members: &[usize],
    templates: &[Template],
    reads: impl Fn(usize) -> &'a Vec<Read>,
) -> Problem {
    let name = |at: usize| &templates[members[at % members.len()]].name;
    let origin = |at: usize| {
        let input = members[(at + 1) % members.len()];
        let read = reads(members[at]).iter().find(|read| read.template == Some(input));
        read.map_or(&templates[members[at]].at, |read| &read.origin)
    };
    if members.len() == 1 {
        let read = reads(members[0]).iter().find(|read| read.template == Some(members[0]));
        let field = read.map_or("it", |read| read.field);
        return Problem::error(origin(0), format!("`{}` reads itself", name(0)))
            .hint(format!("`{field}` must name another stage"));
    }
    let round: Vec<String> = (0..=members.len()).map(|at| format!("`{}`", name(at))).collect();
    let mut problem =
        Problem::error(origin(0), format!("stages read one another in a loop: {}", round.join(" reads ")));
    for at in 1..members.len() {
        problem = problem.label(origin(at), format!("`{}` reads `{}`", name(at), name(at + 1)));
    }
    problem.hint("one of them must read something else")
}
