//! The programs that print figures, and the allocators that each of them measures.

use crate::error::Error;
use crate::on_target::Target;
use crate::on_target::build::Options;

/// Programs that are built in one call of the compiler.
pub(crate) struct Group {
    pub(crate) programs: &'static [Measured],
    /// Features of the package, with commas.
    features: &'static str,
    /// What the build finds in its environment.
    environment: Option<(&'static str, &'static str)>,
    /// The compiler's profile.
    profile: &'static str,
    /// Chips on which they are measured besides the ESP32.
    everywhere: bool,
}

/// A program and the allocators whose figures it prints.
pub(crate) struct Measured {
    pub(crate) program: &'static str,
    pub(crate) allocators: &'static [&'static str],
    /// The program that counts how long interrupts are masked.
    pub(crate) masked: Option<&'static str>,
    /// Programs that only make the four calls, with their allocators.
    pub(crate) linked: &'static [(&'static str, &'static str)],
    /// Whether it can be called with `trace N` and `single N WORKLOAD`.
    pub(crate) takes_orders: bool,
}

/// Where esp-alloc's build finds its back end.
const BACK_END: &str = "ESP_ALLOC_CONFIG_HEAP_ALGORITHM";

/// Groups that differ in little.
pub(crate) const PLAIN: Group = Group {
    programs: &[],
    features: "",
    environment: None,
    profile: "release",
    everywhere: false,
};

const fn bare(program: &'static str, allocators: &'static [&'static str]) -> Measured {
    Measured {
        program,
        allocators,
        masked: None,
        linked: &[],
        takes_orders: false,
    }
}

const fn calls(
    program: &'static str,
    allocators: &'static [&'static str],
    masked: Option<&'static str>,
    linked: &'static [(&'static str, &'static str)],
) -> Measured {
    Measured {
        program,
        allocators,
        masked,
        linked,
        takes_orders: true,
    }
}

pub(crate) static GROUPS: [Group; 5] = [
    Group {
        programs: &[
            bare(
                "bench",
                &[
                    "multi-heap",
                    "multi-heap light",
                    "multi-heap comprehensive",
                    "rlsf",
                    "talc 5",
                    "talc 4",
                    "linked list",
                    "buddy",
                    "empty",
                ],
            ),
            calls("calls_heap_caps", &["heap-caps"], None, &[]),
            calls(
                "calls_global",
                &["global allocator"],
                Some("masked_global"),
                &[("global allocator", "linked_global")],
            ),
            bare(
                "watched",
                &[
                    "trace of leaks",
                    "trace with 4 callers",
                    "ledger of sites and owners",
                    "ledger and event stream",
                ],
            ),
        ],
        everywhere: true,
        ..PLAIN
    },
    Group {
        programs: &[calls(
            "calls_global",
            &["global allocator s"],
            Some("masked_global"),
            &[("global allocator s", "linked_global")],
        )],
        profile: "firmware",
        ..PLAIN
    },
    Group {
        programs: &[calls(
            "calls_c",
            &["c heap_caps", "c malloc", "c multi_heap"],
            Some("masked_c"),
            &[
                ("c heap_caps", "linked_c_heap_caps"),
                ("c malloc", "linked_c_malloc"),
            ],
        )],
        features: "c-names",
        ..PLAIN
    },
    Group {
        programs: &[calls(
            "calls_esp_alloc",
            &["esp-alloc tlsf"],
            Some("masked_esp_alloc"),
            &[("esp-alloc tlsf", "linked_esp_alloc")],
        )],
        features: "esp-alloc",
        environment: Some((BACK_END, "TLSF")),
        ..PLAIN
    },
    Group {
        programs: &[calls(
            "calls_esp_alloc",
            &["esp-alloc llff"],
            Some("masked_esp_alloc"),
            &[("esp-alloc llff", "linked_esp_alloc")],
        )],
        features: "esp-alloc",
        environment: Some((BACK_END, "LLFF")),
        ..PLAIN
    },
];

impl Group {
    /// Returns how the compiler is called.
    pub(crate) fn options(&self, wanted: &Wanted) -> Options {
        Options {
            features: match self.features {
                "" if wanted.encodes_links => "encoded-links",
                features => features,
            },
            environment: self.environment,
            profile: self.profile,
        }
    }

    /// Returns whether its programs run on this chip.
    pub(crate) fn is_for(&self, target: Target) -> bool {
        self.everywhere || target == Target::Esp32
    }

    /// Returns the programs that measure one of the allocators wanted.
    pub(crate) fn wanted(&self, wanted: &Wanted) -> Vec<&'static Measured> {
        let is_wanted = |program: &&Measured| {
            program
                .allocators
                .iter()
                .any(|name| wanted.has_allocator(name))
        };
        self.programs.iter().filter(is_wanted).collect()
    }
}

/// Returns the group, program and number of the one allocator called `name`, if its calls can be
/// looked at.
pub(crate) fn of_allocator(name: &str) -> Option<(&'static Group, &'static Measured, usize)> {
    GROUPS.iter().find_map(|group| {
        let programs = group.programs.iter().filter(|program| program.takes_orders);
        let mut found = programs.filter_map(|program| {
            let number = program
                .allocators
                .iter()
                .position(|allocator| *allocator == name)?;
            Some((group, program, number))
        });
        found.next()
    })
}

/// Returns the allocators whose calls can be looked at.
pub(crate) fn with_orders() -> impl Iterator<Item = &'static str> {
    let programs = GROUPS.iter().flat_map(|group| group.programs);
    let programs = programs.filter(|program| program.takes_orders);
    programs.flat_map(|program| program.allocators).copied()
}

/// Which figures are wanted: all, or those of some allocators and workloads.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    allocators: Vec<String>,
    workloads: Vec<String>,
    /// Whether code bytes of single heaps are wanted, which need a program each.
    pub(crate) sizes: bool,
    /// Whether our single heaps encode the links of their free blocks.
    pub(crate) encodes_links: bool,
}

/// One heap, at each poisoning level.
const LEVELS: [&str; 3] = ["multi-heap", "multi-heap light", "multi-heap comprehensive"];

impl Wanted {
    /// Allocators by their names or how these begin, workloads by a part of their names; all where
    /// none is named.
    pub(crate) fn new(allocators: &[String], workloads: &[String]) -> Result<Wanted, Error> {
        let mut wanted = Wanted {
            allocators: Vec::new(),
            workloads: workloads.to_vec(),
            sizes: allocators.is_empty() && workloads.is_empty(),
            encodes_links: false,
        };
        for name in allocators {
            let is_exact = |known: &&str| *known == name;
            let begins = |known: &&str| known.starts_with(name.as_str());
            let exact: Vec<_> = measured().filter(is_exact).collect();
            let found = if exact.is_empty() {
                measured().filter(begins).collect()
            } else {
                exact
            };
            if found.is_empty() {
                let known: Vec<&str> = measured().collect();
                return Err(Error::Usage(format!(
                    "nobody called {name} is measured, but {}",
                    known.join(", ")
                )));
            }
            wanted
                .allocators
                .extend(found.into_iter().map(str::to_owned));
        }
        Ok(wanted)
    }

    /// Our single heap at each poisoning level.
    pub(crate) fn levels(encodes_links: bool) -> Wanted {
        Wanted {
            allocators: LEVELS.map(str::to_owned).to_vec(),
            workloads: Vec::new(),
            sizes: true,
            encodes_links,
        }
    }

    /// Returns whether figures of this allocator are wanted.
    pub(crate) fn has_allocator(&self, allocator: &str) -> bool {
        self.allocators.is_empty() || self.allocators.iter().any(|name| name == allocator)
    }

    /// Returns whether figures of recorded programs are wanted.
    pub(crate) fn has_trace(&self, trace: &str) -> bool {
        ["calls", "malloc", "realloc", "free"]
            .iter()
            .any(|call| self.has_workload(&format!("{call} {trace}")))
    }

    /// Returns whether figures of this workload are wanted.
    pub(crate) fn has_workload(&self, workload: &str) -> bool {
        let names = &self.workloads;
        names.is_empty() || names.iter().any(|name| workload.contains(name.as_str()))
    }
}

/// Returns the allocators that programs measure.
fn measured() -> impl Iterator<Item = &'static str> {
    let programs = GROUPS.iter().flat_map(|group| group.programs);
    programs.flat_map(|program| program.allocators).copied()
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    fn of_allocator(name: &str) -> Wanted {
        Wanted::new(&[name.to_owned()], &[]).unwrap()
    }

    #[test]
    fn an_allocator_is_named_whole_or_by_its_beginning() {
        assert!(of_allocator("esp-alloc").has_allocator("esp-alloc llff"));
        assert!(of_allocator("multi-heap").has_allocator("multi-heap"));
        assert!(!of_allocator("multi-heap").has_allocator("multi-heap light"));
        assert!(Wanted::default().has_allocator("anybody"));
        assert!(Wanted::new(&["jemalloc".to_owned()], &[]).is_err());
    }

    #[test]
    fn a_workload_is_named_by_a_part() {
        let wanted = Wanted::new(&[], &["16 B".to_owned()]).unwrap();
        assert!(wanted.has_workload("malloc 16 B") && wanted.has_workload("free 16 B"));
        assert!(!wanted.has_workload("malloc mix") && !wanted.sizes);
    }
}
