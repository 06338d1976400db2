//! The functions that a host calls.
//!
//! `no_mangle` counts as unsafe, because two functions of one name in a program would be: the names
//! here begin with the project's, and only builds for WebAssembly export them. Nothing else in this
//! file could be unsafe; the rest of the crate does not allow it.
#![allow(unsafe_code)]

use std::cell::RefCell;

use crate::inputs::{InputPart, Inputs};

/// What was given, and what was said of it last.
#[derive(Default)]
struct State {
    inputs: Inputs,
    message: String,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Forgets what was given.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn zktrain_clear() {
    STATE.with_borrow_mut(|state| *state = State::default());
}

/// Takes one more byte of a part: 0 the manifest, 1 the key, 2 its name, 3 the proof. Says 1 if it was
/// taken; 0 if there is no such part or byte, or the part has as many as it may have.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn zktrain_push(part: u32, byte: u32) -> u32 {
    let (Some(part), Ok(byte)) = (InputPart::from_number(part), u8::try_from(byte)) else {
        return 0;
    };
    STATE.with_borrow_mut(|state| state.inputs.push(part, byte)).into()
}

/// The verdict on what was given: 0 accepted; 1 rejected; 2 undecided, because manifest, key and name
/// do not belong together.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn zktrain_verdict() -> u32 {
    STATE.with_borrow_mut(|state| {
        let verdict = state.inputs.verdict();
        state.message = verdict.message().to_owned();
        verdict.number()
    })
}

/// Bytes of what a person is told of the last verdict.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn zktrain_message_length() -> u32 {
    STATE.with_borrow(|state| state.message.len().try_into().unwrap_or(u32::MAX))
}

/// One of these bytes, in UTF-8; 0 beyond their end.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn zktrain_message_byte(index: u32) -> u32 {
    STATE.with_borrow(|state| {
        state.message.as_bytes().get(index as usize).map_or(0, |byte| u32::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_called_there_is_an_answer() {
        assert_eq!(zktrain_push(3, 7), 1);
        assert_eq!([zktrain_push(4, 7), zktrain_push(3, 256)], [0, 0]);
        assert_eq!(zktrain_message_length(), 0);
        assert_eq!(zktrain_verdict(), 2, "without a manifest");
        assert!(zktrain_message_length() > 10);
        assert!((0..zktrain_message_length()).all(|index| zktrain_message_byte(index) > 0));
        assert_eq!(zktrain_message_byte(zktrain_message_length()), 0);
        zktrain_clear();
        assert_eq!(zktrain_message_length(), 0);
    }
}
