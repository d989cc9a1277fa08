/**
 * Checksum, cipher and digest of the protocol.
 *
 * By hand, because `crypto.subtle` is missing on plain http pages, knows no RC4, and answers later: a page that
 * shows messages in their order wants each packet read before the next one comes.
 *
 * @module
 */

import { concat } from "./bytes.js";

const ADLER_MODULUS = 65_521;
/** Most bytes that can be summed before the sums could pass 2^32. Source: RFC 1950. */
const ADLER_RUN = 5552;

/** Adler-32, as an unsigned number. */
export function adler32(data: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (let start = 0; start < data.length; start += ADLER_RUN) {
    const end = Math.min(start + ADLER_RUN, data.length);
    for (let i = start; i < end; i++) {
      low += data[i]!;
      high += low;
    }
    low %= ADLER_MODULUS;
    high %= ADLER_MODULUS;
  }
  return ((high << 16) | low) >>> 0;
}

/** RC4 of some bytes under a fresh key; the same again gives the bytes back. The key must not be empty. */
export function rc4(key: Uint8Array, data: Uint8Array): Uint8Array {
  const state = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let i = 0, j = 0; i < 256; i++) {
    const here = state[i]!;
    j = (j + here + key[i % key.length]!) & 255;
    state[i] = state[j]!;
    state[j] = here;
  }
  const result = new Uint8Array(data.length);
  for (let at = 0, i = 0, j = 0; at < data.length; at++) {
    i = (i + 1) & 255;
    const here = state[i]!;
    j = (j + here) & 255;
    const there = state[j]!;
    state[i] = there;
    state[j] = here;
    result[at] = data[at]! ^ state[(here + there) & 255]!;
  }
  return result;
}

const SHA1_BLOCK_BYTES = 64;
const SHA1_ROUNDS = 80;

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** SHA-1, 20 bytes. The protocol knows no other digest. Source: FIPS 180-4, 6.1. */
export function sha1(data: Uint8Array): Uint8Array {
  const paddingBytes = SHA1_BLOCK_BYTES - ((data.length + 9) % SHA1_BLOCK_BYTES || SHA1_BLOCK_BYTES);
  const end = new DataView(new ArrayBuffer(1 + paddingBytes + 8));
  end.setUint8(0, 0x80);
  end.setBigUint64(end.byteLength - 8, BigInt(data.length) * 8n);
  const blocks = concat(data, new Uint8Array(end.buffer));
  const view = new DataView(blocks.buffer);

  const hash = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476, 0xc3d2e1f0 | 0];
  const words = new Int32Array(SHA1_ROUNDS);
  for (let block = 0; block < blocks.length; block += SHA1_BLOCK_BYTES) {
    for (let t = 0; t < 16; t++) words[t] = view.getInt32(block + 4 * t);
    for (let t = 16; t < SHA1_ROUNDS; t++) {
      words[t] = rotateLeft(words[t - 3]! ^ words[t - 8]! ^ words[t - 14]! ^ words[t - 16]!, 1);
    }
    let [a, b, c, d, e] = hash as [number, number, number, number, number];
    for (let t = 0; t < SHA1_ROUNDS; t++) {
      const [mix, constant] =
        t < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : t < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : t < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6];
      const next = (rotateLeft(a, 5) + mix + e + constant + words[t]!) | 0;
      e = d;
      d = c;
      c = rotateLeft(b, 30);
      b = a;
      a = next;
    }
    [a, b, c, d, e].forEach((word, i) => {
      hash[i] = (hash[i]! + word) | 0;
    });
  }
  const digest = new DataView(new ArrayBuffer(20));
  hash.forEach((word, i) => digest.setInt32(4 * i, word));
  return new Uint8Array(digest.buffer);
}
