// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import static dev.fairway.bgp.wire.Octets.u16;
import static dev.fairway.bgp.wire.Octets.u8;

import dev.fairway.bgp.wire.Message.Reached;
import dev.fairway.bgp.wire.Message.Update;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// One UPDATE message (RFC 4271 4.3, RFC 4760), its errors handled by RFC 7606:
///
/// | what is wrong | what happens |
/// |---|---|
/// | the lengths of the three parts, a prefix, MP_REACH_NLRI or MP_UNREACH_NLRI, an unknown well-known attribute | session ends |
/// | MP_REACH_NLRI or MP_UNREACH_NLRI twice | session ends |
/// | another attribute twice | the first one counts |
/// | an attribute's value or flags, a missing mandatory attribute, attributes that are cut | the routes count as withdrawn |
/// | the same in a message without routes | session ends, as there is nothing to withdraw (5.2) |
/// | ATOMIC_AGGREGATE, AGGREGATOR, AS4_PATH, AS4_AGGREGATOR | the attribute is left out |
/// | LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST from another AS | the attribute is left out |
final class UpdateReader {
  private static final int MALFORMED_ATTRIBUTE_LIST = 1;
  private static final int UNKNOWN_WELL_KNOWN = 2;
  private static final int OPTIONAL_ATTRIBUTE = 9;
  private static final int INVALID_NETWORK = 10;

  private final SessionTerms terms;
  private final Set<AttributeType> seen = EnumSet.noneOf(AttributeType.class);
  private final AttributeValues values;
  private final List<String> faults = new ArrayList<>();

  /// Whether the routes of this message count as withdrawn.
  private boolean withdraw;

  /// What MP_REACH_NLRI told: prefixes of a family that is not exchanged are left out.
  private @Nullable List<Prefix> reached;

  private @Nullable IpAddress nextHop;
  private Optional<IpAddress> linkLocal = Optional.empty();
  private @Nullable List<Prefix> unreached;
  private @Nullable IpFamily unreachedFamily;
  private boolean otherAttributes;

  UpdateReader(SessionTerms terms) {
    this.terms = terms;
    values = new AttributeValues(terms);
  }

  Update read(ByteBuffer from) throws ProtocolException {
    int withdrawnLength = u16(from);
    if (withdrawnLength + 2 > from.remaining()) {
      throw error(MALFORMED_ATTRIBUTE_LIST, "withdrawn routes longer than the message");
    }
    List<Prefix> withdrawn =
        prefixes(Octets.take(from, withdrawnLength), IpFamily.IPV4, INVALID_NETWORK);
    int attributesLength = u16(from);
    if (attributesLength > from.remaining()) {
      throw error(MALFORMED_ATTRIBUTE_LIST, "path attributes longer than the message");
    }
    attributes(Octets.take(from, attributesLength));
    List<Prefix> announced = prefixes(from, IpFamily.IPV4, INVALID_NETWORK);

    if (withdrawnLength == 0 && attributesLength == 0 && announced.isEmpty()) {
      return new Update(List.of(), List.of(), Optional.of(IpFamily.IPV4), List.of());
    }
    boolean tells = !announced.isEmpty() || reached != null;
    if (tells) {
      requireMandatory(!announced.isEmpty());
    } else if (withdraw) {
      throw error(
          MALFORMED_ATTRIBUTE_LIST, "an error but no routes to withdraw: " + faults.getLast());
    }
    return outcome(withdrawn, announced);
  }

  private Update outcome(List<Prefix> withdrawn, List<Prefix> announced) {
    List<Prefix> gone = new ArrayList<>();
    if (terms.families().contains(IpFamily.IPV4)) {
      gone.addAll(withdrawn);
    }
    if (unreached != null) {
      gone.addAll(unreached);
    }
    List<Reached> groups = new ArrayList<>();
    if (!announced.isEmpty() && terms.families().contains(IpFamily.IPV4)) {
      if (withdraw || values.nextHop == null) {
        gone.addAll(announced);
      } else {
        groups.add(new Reached(values.with(values.nextHop, Optional.empty()), announced));
      }
    }
    if (reached != null && !reached.isEmpty()) {
      if (withdraw || nextHop == null) {
        gone.addAll(reached);
      } else {
        groups.add(new Reached(values.with(nextHop, linkLocal), reached));
      }
    }
    boolean endOfRib =
        unreached != null
            && unreached.isEmpty()
            && unreachedFamily != null
            && !otherAttributes
            && gone.isEmpty()
            && groups.isEmpty();
    return new Update(
        groups, gone, endOfRib ? Optional.ofNullable(unreachedFamily) : Optional.empty(), faults);
  }

  private void requireMandatory(boolean plain) {
    for (AttributeType type :
        List.of(AttributeType.ORIGIN, AttributeType.AS_PATH, AttributeType.NEXT_HOP)) {
      if (!seen.contains(type) && (plain || type != AttributeType.NEXT_HOP)) {
        treatAsWithdraw("no " + type);
      }
    }
    if (terms.internal() && !seen.contains(AttributeType.LOCAL_PREFERENCE)) {
      treatAsWithdraw("no LOCAL_PREFERENCE from the own AS");
    }
  }

  private void attributes(ByteBuffer from) throws ProtocolException {
    while (from.hasRemaining()) {
      int flags = u8(from);
      boolean extended = (flags & AttributeType.FLAG_EXTENDED_LENGTH) != 0;
      if (from.remaining() < (extended ? 3 : 2)) {
        treatAsWithdraw("attributes end in the middle of one");
        return;
      }
      int code = u8(from);
      int length = extended ? u16(from) : u8(from);
      if (length > from.remaining()) {
        treatAsWithdraw("attribute " + code + " is longer than all of them");
        return;
      }
      attribute(flags, code, Octets.take(from, length));
    }
  }

  private void attribute(int flags, int code, ByteBuffer value) throws ProtocolException {
    AttributeType type = AttributeType.of(code);
    if (type == null) {
      unknown(flags, code, value);
      return;
    }
    boolean multiProtocol = type == AttributeType.MP_REACH || type == AttributeType.MP_UNREACH;
    if (!seen.add(type)) {
      if (multiProtocol) {
        throw error(MALFORMED_ATTRIBUTE_LIST, type + " twice");
      }
      faults.add(type + " twice");
      return;
    }
    otherAttributes |= type != AttributeType.MP_UNREACH;
    int kind = AttributeType.FLAG_OPTIONAL | AttributeType.FLAG_TRANSITIVE;
    if ((flags & kind) != type.flags()) {
      treatAsWithdraw(type + " with flags " + Integer.toHexString(flags));
      if (!multiProtocol) {
        return;
      }
    }
    switch (type) {
      case MP_REACH -> multiProtocolReached(value);
      case MP_UNREACH -> multiProtocolUnreached(value);
      default -> {
        switch (values.read(type, value)) {
          case OK -> {}
          case DISCARD -> faults.add(type + " is malformed or out of place, left out");
          case WITHDRAW -> treatAsWithdraw(type + " is malformed");
        }
      }
    }
  }

  private void unknown(int flags, int code, ByteBuffer value) throws ProtocolException {
    if ((flags & AttributeType.FLAG_OPTIONAL) == 0) {
      throw error(UNKNOWN_WELL_KNOWN, "unknown well-known attribute " + code);
    }
    otherAttributes = true;
    if ((flags & AttributeType.FLAG_TRANSITIVE) == 0) {
      return;
    }
    if (values.unknown.stream().anyMatch(other -> other.type() == code)) {
      faults.add("attribute " + code + " twice");
      return;
    }
    int kept =
        AttributeType.FLAG_OPTIONAL | AttributeType.FLAG_TRANSITIVE | AttributeType.FLAG_PARTIAL;
    values.unknown.add(new UnknownAttribute(kept, code, Octets.rest(value)));
  }

  private void multiProtocolReached(ByteBuffer from) throws ProtocolException {
    if (from.remaining() < 5) {
      throw error(OPTIONAL_ATTRIBUTE, "MP_REACH_NLRI of " + from.remaining() + " octets");
    }
    Optional<IpFamily> family = Octets.family(u16(from), u8(from));
    int nextHopLength = u8(from);
    if (nextHopLength + 1 > from.remaining()) {
      throw error(OPTIONAL_ATTRIBUTE, "MP_REACH_NLRI with a cut next hop");
    }
    ByteBuffer hop = Octets.take(from, nextHopLength);
    from.get(); // reserved
    if (family.isEmpty() || !terms.families().contains(family.get())) {
      reached = List.of();
      return;
    }
    boolean six = nextHopLength == 16 || nextHopLength == 32;
    boolean fits =
        family.get() == IpFamily.IPV6
            ? six
            : nextHopLength == 4 || (six && terms.extendedNextHop());
    if (!fits) {
      throw error(OPTIONAL_ATTRIBUTE, "MP_REACH_NLRI with a next hop of " + nextHopLength);
    }
    nextHop(hop);
    reached = prefixes(from, family.get(), OPTIONAL_ATTRIBUTE);
  }

  private void nextHop(ByteBuffer from) {
    IpAddress first = from.remaining() == 4 ? Octets.ipv4(from) : Octets.ipv6(from);
    Optional<IpAddress> second =
        from.hasRemaining() ? Optional.of(Octets.ipv6(from)) : Optional.empty();
    if (first.isUnspecified() && second.isPresent()) {
      first = second.get(); // from a neighbour that has nothing but link-local addresses
    }
    if (!AttributeValues.mayBeNextHop(first)) {
      treatAsWithdraw("next hop " + first);
    }
    nextHop = first;
    linkLocal = second.filter(IpAddress::isLinkLocal);
  }

  private void multiProtocolUnreached(ByteBuffer from) throws ProtocolException {
    if (from.remaining() < 3) {
      throw error(OPTIONAL_ATTRIBUTE, "MP_UNREACH_NLRI of " + from.remaining() + " octets");
    }
    Optional<IpFamily> family = Octets.family(u16(from), u8(from));
    if (family.isEmpty() || !terms.families().contains(family.get())) {
      unreached = List.of();
      return;
    }
    unreachedFamily = family.get();
    unreached = prefixes(from, family.get(), OPTIONAL_ATTRIBUTE);
  }

  private static List<Prefix> prefixes(ByteBuffer from, IpFamily family, int subcode)
      throws ProtocolException {
    List<Prefix> prefixes = Octets.prefixes(from, family);
    if (prefixes == null) {
      throw error(subcode, "a prefix of a wrong length");
    }
    return prefixes;
  }

  private void treatAsWithdraw(String what) {
    withdraw = true;
    faults.add(what);
  }

  private static ProtocolException error(int subcode, String what) {
    return new ProtocolException(Notification.UPDATE, subcode, "UPDATE: " + what);
  }
}
