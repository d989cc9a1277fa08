/**
 * Framing over WebSocket: version 4, one packet per binary message.
 *
 *     magic u16 = 0xC2FE | version u16 = 4 | header type u16 = 3 | payload type u16 = 2 | header length u16
 *     | payload length u32 | header | payload | Adler-32 of all that u32
 *
 * Integers are big-endian. Source: protocol reference, 3.4.
 *
 * @module
 */

import { concat } from "./bytes.js";
import { adler32 } from "./ciphers.js";
import { BadPacket } from "./protobuf.js";

const MAGIC = 0xc2fe;
const VERSION = 4;
const HEADER_TYPE = 3;
const PAYLOAD_TYPE = 2;
const HEAD_BYTES = 14;
const CHECKSUM_BYTES = 4;

/** Make one packet of a serialised header and payload. */
export function pack(header: Uint8Array, payload: Uint8Array): Uint8Array {
  const head = new DataView(new ArrayBuffer(HEAD_BYTES));
  [MAGIC, VERSION, HEADER_TYPE, PAYLOAD_TYPE, header.length].forEach((value, i) => head.setUint16(2 * i, value));
  head.setUint32(10, payload.length);
  const packet = concat(new Uint8Array(head.buffer), header, payload, new Uint8Array(CHECKSUM_BYTES));
  const end = packet.length - CHECKSUM_BYTES;
  new DataView(packet.buffer).setUint32(end, adler32(packet.subarray(0, end)));
  return packet;
}

/**
 * Take a packet apart.
 *
 * @throws BadPacket: it is damaged, or no packet of this framing.
 */
export function unpack(packet: Uint8Array): { header: Uint8Array; payload: Uint8Array } {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  if (packet.length < HEAD_BYTES + CHECKSUM_BYTES) throw new BadPacket(`a packet of ${packet.length} bytes`);
  if (view.getUint16(0) !== MAGIC || view.getUint16(2) !== VERSION) throw new BadPacket("another protocol");
  const payloadStart = HEAD_BYTES + view.getUint16(8);
  const end = payloadStart + view.getUint32(10);
  if (end + CHECKSUM_BYTES > packet.length) throw new BadPacket("a packet is cut off");
  if (view.getUint32(end) !== adler32(packet.subarray(0, end))) throw new BadPacket("wrong checksum");
  return { header: packet.subarray(HEAD_BYTES, payloadStart), payload: packet.subarray(payloadStart, end) };
}
