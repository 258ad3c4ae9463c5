// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What a record says. Types whose data can hold compressed names are read into their parts, for
/// the names must be written anew in another message; everything else is opaque (RFC 3597).
sealed interface Rdata {
  /// The IANA type number.
  int type();

  /// A (RFC 1035) or AAAA (RFC 3596).
  record Address(IpAddress address) implements Rdata {
    @Override
    public int type() {
      return address.family() == IpFamily.IPV4 ? RecordType.A : RecordType.AAAA;
    }
  }

  /// NS, CNAME or PTR: one name.
  record Target(int type, Name name) implements Rdata {}

  /// RFC 1035 section 3.3.9.
  record MailExchange(int preference, Name exchange) implements Rdata {
    @Override
    public int type() {
      return RecordType.MX;
    }
  }

  /// RFC 2782.
  record Srv(int priority, int weight, int port, Name target) implements Rdata {
    @Override
    public int type() {
      return RecordType.SRV;
    }
  }

  /// RFC 1035 section 3.3.13; all numbers are seconds but the serial.
  record Soa(Name server, Name mailbox, int serial, int refresh, int retry, int expire, int minimum)
      implements Rdata {
    @Override
    public int type() {
      return RecordType.SOA;
    }
  }

  /// Any other type, as it lies on the wire.
  @SuppressWarnings("ArrayRecordComponent") // equality is by content, below
  record Opaque(int type, byte[] octets) implements Rdata {
    /// A TXT record of one string of at most 255 ASCII characters.
    static Opaque text(String text) {
      byte[] characters = text.getBytes(StandardCharsets.US_ASCII);
      if (characters.length > 255) {
        throw new IllegalArgumentException("a TXT string has at most 255 octets");
      }
      byte[] octets = new byte[1 + characters.length];
      octets[0] = (byte) characters.length;
      System.arraycopy(characters, 0, octets, 1, characters.length);
      return new Opaque(RecordType.TXT, octets);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Opaque opaque
          && opaque.type == type
          && Arrays.equals(opaque.octets, octets);
    }

    @Override
    public int hashCode() {
      return 31 * type + Arrays.hashCode(octets);
    }
  }
}
