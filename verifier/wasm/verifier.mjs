// Calls the verifier in WebAssembly. It needs nothing of its host and shares no memory with it: bytes
// go in one by one, and a verdict comes out.

const PARTS = ["manifest", "key", "name", "proof"];
const VERDICTS = ["accepted", "rejected", "undecided"];

/// The verifier of a compiled module: a function from { manifest, key, name, proof }, each a
/// Uint8Array, to { verdict, message }. The key is what `zktrain keys derive --contract FILE` writes,
/// the name its 32 bytes, which have to come from somebody who has derived the key and is trusted,
/// never from the prover.
export async function load(module) {
  const { exports: wasm } = await WebAssembly.instantiate(module, {});
  return (inputs) => {
    wasm.zktrain_clear();
    PARTS.forEach((name, part) => push(wasm, part, name, inputs[name]));
    const verdict = VERDICTS[wasm.zktrain_verdict()] ?? "undecided";
    return { verdict, message: message(wasm) };
  };
}

function push(wasm, part, name, bytes) {
  for (const byte of bytes) {
    if (wasm.zktrain_push(part, byte) !== 1) {
      throw new RangeError(`${name}: ${bytes.length} bytes are too many`);
    }
  }
}

function message(wasm) {
  const length = wasm.zktrain_message_length();
  const bytes = Uint8Array.from({ length }, (_, index) => wasm.zktrain_message_byte(index));
  return new TextDecoder().decode(bytes);
}
