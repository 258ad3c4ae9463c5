// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

/// Octets that are not a DNS message.
final class MalformedMessage extends Exception {
  MalformedMessage(String what, int offset) {
    // The common case is a stray packet; a stack trace would cost more than the packet.
    super(what + " at octet " + offset, null, false, false);
  }
}
