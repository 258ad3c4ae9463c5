// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import dev.fairway.net.IpFamily;
import java.time.Duration;

/// One step of a rule. A rule's steps run in order and the rule ends at the first that does not
/// match.
///
/// Registers are the sixteen 32-bit words of the virtual machine, counted from 0; a longer value
/// takes several in a row.
public sealed interface NftExpression {
  /// Loads bytes of the packet.
  record Payload(Header header, int offset, int length, int register) implements NftExpression {}

  /// Which header an offset counts from.
  enum Header {
    LINK(0),
    NETWORK(1),
    TRANSPORT(2);

    private final int number;

    Header(int number) {
      this.number = number;
    }

    /// `NFT_PAYLOAD_*`
    int number() {
      return number;
    }
  }

  /// Loads what the kernel knows about a packet.
  record Meta(MetaKey key, int register) implements NftExpression {}

  /// Loads what routing takes the destination address for, in the machine's order.
  record DestinationType(int register) implements NftExpression {
    /// An address of this machine (`RTN_LOCAL` of `linux/rtnetlink.h`).
    public static final int LOCAL = 2;
  }

  /// Loads what routing takes the source address for, in the machine's order: see
  /// [DestinationType#LOCAL].
  record SourceType(int register) implements NftExpression {}

  /// Sets the packet's mark.
  record SetMark(int register) implements NftExpression {}

  /// `NFT_META_*`
  enum MetaKey {
    MARK(3),
    INPUT_INDEX(4),
    OUTPUT_INDEX(5),
    INPUT_NAME(6),
    PROTOCOL(16);

    private final int number;

    MetaKey(int number) {
      this.number = number;
    }

    int number() {
      return number;
    }
  }

  /// Loads what connection tracking knows. Bits in the machine's order: see the constants.
  record Connection(ConnectionKey key, int register) implements NftExpression {
    public static final int STATE_ESTABLISHED = 2;
    public static final int STATE_RELATED = 4;
    public static final int STATE_NEW = 8;
    public static final int STATUS_SOURCE_NAT = 0x10;
    public static final int STATUS_DESTINATION_NAT = 0x20;
  }

  /// `NFT_CT_*`
  enum ConnectionKey {
    STATE(0),
    STATUS(2),
    MARK(3);

    private final int number;

    ConnectionKey(int number) {
      this.number = number;
    }

    int number() {
      return number;
    }
  }

  /// Matches if the register is (not) the value.
  record Compare(int register, boolean equal, NftValue value) implements NftExpression {}

  /// Matches if the register is from one value to another, both included.
  record InRange(int register, NftValue first, NftValue last) implements NftExpression {}

  /// `register = register & mask ^ xor`
  record Bitwise(int register, NftValue mask, NftValue xor) implements NftExpression {
    public Bitwise {
      if (mask.length() != xor.length()) {
        throw new IllegalArgumentException("mask and xor have one length");
      }
    }
  }

  /// Matches if the value is (not) in a set.
  record InSet(String set, int register, boolean inverted) implements NftExpression {}

  /// Matches if the value is in a map, and loads its data.
  record MapToValue(String map, int register, int target) implements NftExpression {}

  /// Matches if the value is in a map, and does what its verdict says.
  record MapToVerdict(String map, int register) implements NftExpression {}

  /// Ends the rule with a verdict.
  record Decide(NftVerdict verdict) implements NftExpression {}

  /// Loads a constant.
  record Load(NftValue value, int register) implements NftExpression {}

  /// Loads a random number from offset to offset+modulus-1, in the machine's order.
  record RandomNumber(int modulus, int offset, int register) implements NftExpression {}

  /// Takes an element out of a map, if there is one.
  ///
  /// @param data any register as long as the map's data: the kernel asks for one
  record Forget(String map, int key, int data) implements NftExpression {}

  /// Puts an element into a map until some time has passed. One that is there starts its time anew
  /// but keeps its data: [Forget] it first. The rule ends if the map is full.
  record Remember(String map, int key, int data, Duration time) implements NftExpression {}

  /// Loads a hash from offset to offset+modulus-1 of some bytes (Jenkins), in the machine's order,
  /// always the same for the same bytes and seed.
  record Hash(int register, int length, int modulus, int seed, int target, int offset)
      implements NftExpression {}

  /// Sends the connection to another address and port; the port's register follows the address's.
  record DestinationNat(IpFamily family, int address) implements NftExpression {}

  /// Makes the connection come from the address of the link it leaves by. The source port is chosen
  /// at random, so that two packets at once do not fight for one.
  record Masquerade() implements NftExpression {}

  /// Answers TCP with a reset.
  record RejectByReset() implements NftExpression {}

  /// Answers with "port unreachable".
  record RejectPortUnreachable(IpFamily family) implements NftExpression {}

  /// Counts packets and bytes.
  record Counter() implements NftExpression {}

  /// Counts by a counter of the table that has a name: see [NftRequest.AddCounter].
  record CountBy(String counter) implements NftExpression {}
}
