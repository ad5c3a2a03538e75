//! Names of sites, from the program's descriptions and its ELF file.

use std::fmt;

use crate::history::Site;
use crate::symbols::Symbols;

/// The sites' names, by their numbers. A site that is described again, or late, gets a new one.
#[derive(Default)]
pub(super) struct Names {
    symbols: Option<Symbols>,
    known: Vec<(Site, String)>,
}

impl Names {
    pub(super) fn by(symbols: Symbols) -> Names {
        Names {
            symbols: Some(symbols),
            known: Vec::new(),
        }
    }

    /// Names the sites that are new or have changed. O(sites).
    pub(super) fn follow(&mut self, sites: &[Site]) {
        for (place, site) in sites.iter().enumerate() {
            if self
                .known
                .get(place)
                .is_some_and(|(known, _)| known == site)
            {
                continue;
            }
            let named = (site.clone(), self.label(site));
            match self.known.get_mut(place) {
                Some(known) => *known = named,
                None => self.known.push(named),
            }
        }
    }

    pub(super) fn of(&self, site: usize) -> String {
        self.known
            .get(site)
            .map_or_else(String::new, |(_, label)| label.clone())
    }

    fn label(&self, site: &Site) -> String {
        let mut named = site.clone();
        if let Some(symbols) = &self.symbols {
            named.name_callers(|caller| symbols.frames(caller));
        }
        named.label()
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Names of {} sites", self.known.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(file: &str) -> Site {
        Site {
            file: file.to_owned(),
            line: 7,
            ..Site::default()
        }
    }

    #[test]
    fn a_site_is_called_by_its_last_description() {
        let mut names = Names::default();
        names.follow(&[Site::default(), Site::default()]);
        assert_eq!(
            (names.of(1), names.of(5)),
            ("unknown".to_owned(), String::new())
        );
        names.follow(&[Site::default(), site("a.rs"), site("b.rs")]);
        assert_eq!([1, 2].map(|number| names.of(number)), ["a.rs:7", "b.rs:7"]);
    }
}
