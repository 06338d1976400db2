// The verifier in WebAssembly, under Node: it accepts committed proofs and rejects altered ones.
// Called by test.sh with the compiled module.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { load } from "./verifier.mjs";

const fixture = (name) =>
  new Uint8Array(readFileSync(new URL(`../../tests/fixtures/${name}`, import.meta.url)));
const hex = (bytes) => Uint8Array.from(Buffer.from(new TextDecoder().decode(bytes).trim(), "hex"));

/// The same bytes, but for one bit.
function altered(bytes, position) {
  const other = bytes.slice();
  other[position] ^= 1;
  return other;
}

const module = await WebAssembly.compile(readFileSync(process.argv[2]));
assert.deepEqual(WebAssembly.Module.imports(module), [], "it asks nothing of its host");
const verify = await load(module);
const says = (inputs, verdict, what) => {
  const found = verify(inputs);
  assert.equal(found.verdict, verdict, `${what}: ${found.message}`);
  assert.ok(found.message.length > 0, what);
};

for (const system of ["halo2", "groth16"]) {
  const part = (kind) => fixture(`compressed_${system}_v1.${kind}`);
  const manifest = fixture("compressed_v1.toml");
  const name = hex(part("name"));
  const [key, proof] = [part("key"), part("proof")];
  const honest = { manifest, key, name, proof };
  says(honest, "accepted", system);

  // A bit anywhere: in the statement, the rows, the opening, the circuit's proof.
  const step = Math.floor(proof.length / 9);
  for (let at = 0; at < proof.length; at += step) {
    says({ ...honest, proof: altered(proof, at) }, "rejected", `${system}, byte ${at}`);
  }
  says({ ...honest, proof: altered(proof, proof.length - 1) }, "rejected", `${system}, last byte`);

  // Malformed: an answer, not a trap.
  const malformed = [[], [0], proof.slice(0, 200), proof.slice(0, -1), [...proof, 0], manifest];
  for (const bytes of malformed) {
    says({ ...honest, proof: bytes }, "rejected", `${system}, ${bytes.length} bytes`);
  }

  // Not the key that was named, or none at all.
  const changes = [
    { name: altered(name, 0) },
    { name: [] },
    { key: altered(key, 0) },
    { key: altered(key, key.length - 1) },
    { key: key.slice(0, 300) },
    { key: [] },
    { manifest: [] },
    { manifest: [255, 254, 253] },
    { manifest: manifest.slice(0, -20) },
  ];
  for (const change of changes) {
    says({ ...honest, ...change }, "undecided", `${system}, another ${Object.keys(change)}`);
  }
  assert.throws(() => verify({ ...honest, name: [...name, 0] }), RangeError);

  // Nothing is left of what came before.
  says(honest, "accepted", `${system}, once more`);
}
console.log("verifier in WebAssembly: ok");
