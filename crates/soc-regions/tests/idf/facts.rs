//! ESP-IDF's tables, and the heaps that its start-up code makes of them.
//!
//! `facts.json` holds the facts in ESP-IDF's own terms: addresses, Kconfig symbols, linker symbols.
//! What is done with them here shares no line with the library: expressions are text, free memory
//! is found by elementary intervals.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::expression::{evaluate, names};

/// Kconfig symbols and linker symbols with their values.
pub(crate) type Symbols = BTreeMap<String, i64>;

/// Name, columns; condition and further columns.
type Type = (String, [String; 3], Option<(String, [String; 3])>);

/// One chip in one version of ESP-IDF.
#[derive(Clone, Deserialize)]
pub(crate) struct Facts {
    pub(crate) chip: String,
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) constants: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub(crate) defaults: Symbols,
    pub(crate) types: Vec<TypeRow>,
    pub(crate) regions: Vec<RegionRow>,
    pub(crate) reserved: Vec<ReservedRow>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum TypeRow {
    Plain(String, [String; 3]),
    Extra(String, [String; 3], String, [String; 3]),
}

/// Start, count, size, type, alias on the instruction bus of the first one, start-up stack,
/// condition.
#[derive(Clone, Deserialize)]
pub(crate) struct RegionRow(
    pub(crate) String,
    pub(crate) u32,
    pub(crate) String,
    pub(crate) u8,
    pub(crate) Option<String>,
    pub(crate) bool,
    pub(crate) Option<String>,
);

/// Start, end, name, condition.
#[derive(Clone, Deserialize)]
pub(crate) struct ReservedRow(
    pub(crate) String,
    pub(crate) String,
    pub(crate) String,
    pub(crate) Option<String>,
);

/// A row that exists: start, end, type, alias, start-up stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) kind: u8,
    pub(crate) alias: Option<u32>,
    pub(crate) stack: bool,
}

/// What a heap gets: start, end, type, start-up stack.
pub(crate) type Heap = (u32, u32, u8, bool);

pub(crate) fn all() -> Vec<Facts> {
    serde_json::from_str(include_str!("facts.json")).unwrap()
}

impl Facts {
    /// Each type's name and columns of capabilities where the symbols have these values.
    pub(crate) fn types(&self, symbols: &Symbols) -> Vec<(String, [BTreeSet<String>; 3])> {
        let set = |text: &String| {
            let today = text.replace("SPISRAM", "SPIRAM"); // v2.1's name of the same bit
            today.split('|').map(str::to_owned).collect::<BTreeSet<_>>()
        };
        let types = self.types.iter().map(TypeRow::parts);
        types
            .map(|(name, columns, extra)| {
                let mut columns = columns.each_ref().map(set);
                if let Some((_, more)) = extra.filter(|(when, _)| holds(Some(when), symbols)) {
                    for (column, more) in columns.iter_mut().zip(more.each_ref().map(set)) {
                        column.extend(more);
                    }
                }
                for column in &mut columns {
                    column.remove("0");
                }
                (name, columns)
            })
            .collect()
    }

    /// The rows that exist, in table order.
    pub(crate) fn rows(&self, symbols: &Symbols) -> Vec<Row> {
        let rows = self
            .regions
            .iter()
            .filter(|row| holds(row.6.as_ref(), symbols));
        rows.flat_map(|row| {
            let (start, size) = (number(&row.0), number(&row.2));
            let alias = row.4.as_deref().map(number);
            (0..row.1).map(move |n| Row {
                start: start + n * size,
                end: start + (n + 1) * size,
                kind: row.3,
                alias: alias.map(|alias| alias + n * size),
                stack: row.5,
            })
        })
        .collect()
    }

    /// The reserved areas as ESP-IDF rounds and sorts them; `None` where it would stop: one ends
    /// below its start, or two overlap.
    pub(crate) fn reserved(&self, symbols: &Symbols) -> Option<Vec<(u32, u32)>> {
        let rows = self
            .reserved
            .iter()
            .filter(|row| holds(row.3.as_ref(), symbols));
        let ends = rows.map(|row| (value(&row.0, symbols), value(&row.1, symbols)));
        let ends: Vec<_> = ends.filter(|(start, end)| start != end).collect();
        if ends.iter().any(|(start, end)| start > end) {
            return None;
        }
        let mut areas: Vec<_> = ends
            .into_iter()
            .map(|(start, end)| (address(start) & !3, (address(end) + 3) & !3))
            .collect();
        areas.sort_unstable();
        let is_disjoint = areas.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        is_disjoint.then_some(areas)
    }

    /// Heaps by elementary intervals: cut each row at every end of an area, keep the parts in no
    /// area, join what touches.
    pub(crate) fn heaps(&self, symbols: &Symbols, areas: &[(u32, u32)]) -> Vec<Heap> {
        let mut heaps: Vec<Heap> = Vec::new();
        for row in self.rows(symbols) {
            let parts = free_parts((row.start, row.end), areas);
            for (from, to) in parts.into_iter().filter(|(from, to)| to - from > 16) {
                match heaps.last_mut() {
                    Some(last) if last.1 == from && (last.2, last.3) == (row.kind, row.stack) => {
                        last.1 = to;
                    }
                    _ => heaps.push((from, to, row.kind, row.stack)),
                }
            }
        }
        heaps
    }

    /// The Kconfig symbols that conditions and ends ask for.
    pub(crate) fn configs(&self) -> BTreeSet<String> {
        let types = self.types.iter().filter_map(|row| row.parts().2);
        let types = types.map(|(when, _)| when);
        let regions = self.regions.iter().filter_map(|row| row.6.clone());
        let reserved = self.reserved.iter();
        let reserved = reserved.flat_map(|row| {
            [
                row.0.clone(),
                row.1.clone(),
                row.3.clone().unwrap_or_default(),
            ]
        });
        let texts: Vec<_> = types.chain(regions).chain(reserved).collect();
        let names = texts.iter().flat_map(|text| names(text));
        names
            .filter(|name| name.starts_with("CONFIG_"))
            .map(str::to_owned)
            .collect()
    }

    /// A constant; `None` if the facts have none of this name.
    pub(crate) fn constant(&self, name: &str) -> Option<u32> {
        match self.constants.get(name)? {
            serde_json::Value::String(text) => Some(number(text)),
            other => Some(u32::try_from(other.as_u64().unwrap()).unwrap()),
        }
    }
}

impl TypeRow {
    fn parts(&self) -> Type {
        match self.clone() {
            TypeRow::Plain(name, columns) => (name, columns, None),
            TypeRow::Extra(name, columns, when, more) => (name, columns, Some((when, more))),
        }
    }
}

fn holds(when: Option<&String>, symbols: &Symbols) -> bool {
    when.is_none_or(|when| value(when, symbols) != 0)
}

fn value(text: &str, symbols: &Symbols) -> i64 {
    evaluate(text, &|name| match symbols.get(name) {
        Some(value) => *value,
        None if name.starts_with("CONFIG_") => 0,
        None => panic!("the program has no {name}"),
    })
}

fn number(text: &str) -> u32 {
    address(evaluate(&text.to_lowercase(), &|_| 0))
}

fn address(value: i64) -> u32 {
    u32::try_from(value).unwrap()
}

fn free_parts((start, end): (u32, u32), areas: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut cuts: Vec<u32> = areas.iter().flat_map(|&(from, to)| [from, to]).collect();
    cuts.retain(|cut| start < *cut && *cut < end);
    cuts.extend([start, end]);
    cuts.sort_unstable();
    cuts.dedup();
    let parts = cuts.windows(2).map(|pair| (pair[0], pair[1]));
    let is_taken = |part: &(u32, u32)| {
        areas
            .iter()
            .any(|area| area.0 <= part.0 && part.1 <= area.1)
    };
    parts.filter(|part| !is_taken(part)).collect()
}
