//! The processor that a build needs.
//!
//! `.cargo/config.toml` lets the compiler use x86-64-v3 and ADX everywhere. On a processor without
//! them a program would end at some instruction, with a signal and no word; so it looks first.
//!
//! The check is compiled as everything else is, and must not use what it looks for. Therefore it
//! compares one register after another with constants, and what it has to say is one string: no
//! loop, no formatting, nothing that would be copied in vector registers.

/// What a program says where [`holds`] is false.
pub const REFUSAL: &str = "\
error: this processor lacks instructions that this build of zktrain uses (x86-64-v3, such as AVX2 \
and BMI2, and ADX): use a processor of 2017 or later (Intel's have them since Broadwell, AMD's since \
Zen; a virtual machine must pass them on), or build zktrain here, with \
RUSTFLAGS=-Ctarget-cpu=native cargo build --release\n";

/// Whether the processor and the system have what this build takes for granted.
#[cfg(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "adx"))]
#[inline(never)]
pub fn holds() -> bool {
    x86::holds(x86::cpuid, x86::saved_state)
}

/// Whether the processor and the system have what this build takes for granted: nothing.
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "adx")))]
pub fn holds() -> bool {
    true
}

#[cfg(all(
    target_arch = "x86_64",
    any(test, all(target_feature = "avx2", target_feature = "adx"))
))]
#[allow(unsafe_code)]
mod x86 {
    use std::arch::x86_64::{__cpuid_count, _xgetbv, CpuidResult};

    /// Leaf 1, ECX: SSE3, SSSE3, FMA, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, XSAVE, OSXSAVE,
    /// AVX, F16C.
    pub(super) const BASIC: u32 = 1 | 1 << 9 | 3 << 12 | 3 << 19 | 3 << 22 | 15 << 26;
    /// Leaf 7, EBX: BMI1, AVX2, BMI2, ADX.
    pub(super) const STRUCTURED: u32 = 1 << 3 | 1 << 5 | 1 << 8 | 1 << 19;
    /// [`EXTENDED_LEAF`], ECX: LAHF, LZCNT.
    pub(super) const EXTENDED: u32 = 1 | 1 << 5;
    const EXTENDED_LEAF: u32 = 0x8000_0001;
    /// The system saves the registers of SSE and AVX.
    pub(super) const STATE: u64 = 1 << 1 | 1 << 2;

    /// Leaf and subleaf of what the processor says of itself.
    #[allow(unused_unsafe)]
    pub(super) fn cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
        // SAFETY: all processors of x86-64 have the instruction. It is safe in newer compilers.
        unsafe { __cpuid_count(leaf, subleaf) }
    }

    /// Which registers the system saves; only where it says that it does, as OSXSAVE.
    pub(super) fn saved_state() -> u64 {
        #[target_feature(enable = "xsave")]
        fn read() -> u64 {
            // SAFETY: the caller has seen OSXSAVE, with which register 0 exists.
            unsafe { _xgetbv(0) }
        }
        // SAFETY: OSXSAVE implies XSAVE.
        unsafe { read() }
    }

    /// The check, of what is said by these functions.
    #[inline(always)]
    pub(super) fn holds(cpuid: impl Fn(u32, u32) -> CpuidResult, state: impl Fn() -> u64) -> bool {
        if cpuid(0, 0).eax < 7 || cpuid(0x8000_0000, 0).eax < EXTENDED_LEAF {
            return false;
        }
        if cpuid(1, 0).ecx & BASIC != BASIC {
            return false;
        }
        if state() & STATE != STATE {
            return false;
        }
        if cpuid(7, 0).ebx & STRUCTURED != STRUCTURED {
            return false;
        }
        cpuid(EXTENDED_LEAF, 0).ecx & EXTENDED == EXTENDED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_run_where_the_build_does() {
        assert!(holds());
    }

    #[test]
    fn the_refusal_is_one_line() {
        assert_eq!(REFUSAL.matches('\n').count(), 1);
        assert!(REFUSAL.ends_with('\n') && !REFUSAL.contains("  "));
    }

    #[cfg(target_arch = "x86_64")]
    mod x86 {
        use super::super::x86::*;
        use std::arch::x86_64::CpuidResult;

        /// A processor with these bits in what is looked at.
        struct Processor {
            highest: u32,
            basic: u32,
            structured: u32,
            extended: u32,
            state: u64,
        }

        const AT_THE_FLOOR: Processor = Processor {
            highest: 7,
            basic: BASIC,
            structured: STRUCTURED,
            extended: EXTENDED,
            state: STATE,
        };

        fn accepted(processor: &Processor) -> bool {
            let cpuid = |leaf, subleaf| {
                let mut said = CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 };
                assert_eq!(subleaf, 0);
                match leaf {
                    0 => said.eax = processor.highest,
                    1 => said.ecx = processor.basic,
                    7 => said.ebx = processor.structured,
                    0x8000_0000 => said.eax = 0x8000_0008,
                    0x8000_0001 => said.ecx = processor.extended,
                    _ => panic!("leaf {leaf:x}"),
                }
                said
            };
            let state = || {
                assert_eq!(processor.basic >> 27 & 1, 1, "asked without OSXSAVE");
                processor.state
            };
            holds(cpuid, state)
        }

        #[test]
        fn the_floor_is_accepted_and_everything_below_it_refused() {
            assert!(accepted(&AT_THE_FLOOR));
            let more = Processor { highest: 32, basic: !0, structured: !0, ..AT_THE_FLOOR };
            assert!(accepted(&more));
            assert!(!accepted(&Processor { highest: 6, ..AT_THE_FLOOR }));
            for bit in 0..32 {
                let without = |all: u32| all & !(1 << bit);
                let basic = Processor { basic: without(BASIC), ..AT_THE_FLOOR };
                assert_eq!(accepted(&basic), BASIC == without(BASIC), "leaf 1, bit {bit}");
                let structured = Processor { structured: without(STRUCTURED), ..AT_THE_FLOOR };
                assert_eq!(
                    accepted(&structured),
                    STRUCTURED == without(STRUCTURED),
                    "leaf 7, bit {bit}"
                );
                let extended = Processor { extended: without(EXTENDED), ..AT_THE_FLOOR };
                assert_eq!(
                    accepted(&extended),
                    EXTENDED == without(EXTENDED),
                    "extended, bit {bit}"
                );
            }
            // AVX without a system that saves its registers.
            assert!(!accepted(&Processor { state: 1 << 1, ..AT_THE_FLOOR }));
        }

        #[test]
        fn the_standard_library_says_the_same_of_this_processor() {
            let detected = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("movbe")
                && is_x86_feature_detected!("adx");
            assert_eq!(holds(cpuid, saved_state), detected);
        }

        #[test]
        fn a_processor_with_vectors_but_without_adx_is_refused() {
            // Intel's Haswell.
            let haswell = Processor { structured: !(1 << 19), basic: !0, ..AT_THE_FLOOR };
            assert!(!accepted(&haswell));
        }
    }
}
