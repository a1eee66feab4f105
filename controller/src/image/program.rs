//! Facts about the program in an image: the machine it is built for, and that it needs no other file.

use elf::{
    ElfBytes,
    abi::{EM_AARCH64, EM_X86_64, PT_INTERP},
    endian::AnyEndian,
};

use super::{Content, Error};
use crate::support::architecture::Architecture;

/// Returns the architecture for which a program is built.
pub(super) fn architecture(content: Content, program: &[u8]) -> Result<Architecture, Error> {
    let elf =
        ElfBytes::<AnyEndian>::minimal_parse(program).map_err(|source| Error::Parse { content, source })?;
    let is_dynamic =
        elf.segments().is_some_and(|table| table.iter().any(|segment| segment.p_type == PT_INTERP));
    match elf.ehdr.e_machine {
        _ if is_dynamic => Err(Error::Dynamic(content)),
        EM_X86_64 => Ok(Architecture::X86),
        EM_AARCH64 => Ok(Architecture::Arm),
        machine => Err(Error::Machine { content, machine }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns the smallest file whose header is that of an ELF executable (elf(5)), with one segment if given.
    pub(in crate::image) fn executable(machine: u16, segment: Option<u32>) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend(2u16.to_le_bytes());
        file.extend(machine.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend([0u64, 64, 0].into_iter().flat_map(u64::to_le_bytes));
        file.extend(0u32.to_le_bytes());
        let segments = u16::from(segment.is_some());
        file.extend([64u16, 56, segments, 64, 0, 0].into_iter().flat_map(u16::to_le_bytes));
        file.extend(segment.iter().flat_map(|kind| kind.to_le_bytes()));
        file.resize(64 + 56 * usize::from(segments), 0);
        file
    }

    #[test]
    fn the_machine_of_a_static_program_is_named() {
        for (machine, name) in [(62, Architecture::X86), (183, Architecture::Arm)] {
            assert_eq!(architecture(Content::Probe, &executable(machine, None)).unwrap(), name);
            assert_eq!(architecture(Content::Probe, &executable(machine, Some(1))).unwrap(), name);
        }
    }

    #[test]
    fn a_dynamic_or_foreign_program_is_refused() {
        let refused = |program: &[u8]| architecture(Content::Controller, program).unwrap_err();
        assert!(matches!(refused(&executable(62, Some(3))), Error::Dynamic(Content::Controller)));
        assert!(matches!(refused(&executable(243, None)), Error::Machine { machine: 243, .. }));
        for file in [&b""[..], b"#!/bin/sh\n", b"\x7fELF"] {
            assert!(matches!(refused(file), Error::Parse { .. }), "{file:?}");
        }
    }
}
