// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import dev.fairway.bgp.wire.AsPath.Segment;
import dev.fairway.bgp.wire.PathAttributes.Aggregator;
import dev.fairway.net.IpAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Path attributes to bytes, in the order of their numbers, but for the next hop and the prefixes.
final class AttributesWriter {
  private AttributesWriter() {}

  static ByteBuffer write(PathAttributes attributes, SessionTerms terms) {
    ByteBuffer into = ByteBuffer.allocate(sizeOf(attributes));
    begin(into, AttributeType.ORIGIN, 1).put((byte) attributes.origin().code());
    path(into, AttributeType.AS_PATH, attributes.asPath(), terms.fourOctetAs());
    attributes.med().ifPresent(med -> begin(into, AttributeType.MED, 4).putInt(med.intValue()));
    attributes
        .localPreference()
        .ifPresent(
            value -> begin(into, AttributeType.LOCAL_PREFERENCE, 4).putInt(value.intValue()));
    if (attributes.atomicAggregate()) {
      begin(into, AttributeType.ATOMIC_AGGREGATE, 0);
    }
    attributes.aggregator().ifPresent(aggregator -> aggregator(into, aggregator, terms));
    if (!attributes.communities().isEmpty()) {
      begin(into, AttributeType.COMMUNITIES, 4 * attributes.communities().size());
      attributes.communities().forEach(community -> into.putInt(community.bits()));
    }
    attributes
        .originatorId()
        .ifPresent(id -> Octets.put(begin(into, AttributeType.ORIGINATOR_ID, 4), id));
    if (!attributes.clusterList().isEmpty()) {
      begin(into, AttributeType.CLUSTER_LIST, 4 * attributes.clusterList().size());
      for (IpAddress cluster : attributes.clusterList()) {
        Octets.put(into, cluster);
      }
    }
    if (!attributes.extendedCommunities().isEmpty()) {
      begin(into, AttributeType.EXTENDED_COMMUNITIES, 8 * attributes.extendedCommunities().size());
      attributes.extendedCommunities().forEach(community -> into.putLong(community.bits()));
    }
    if (!terms.fourOctetAs() && wide(attributes.asPath())) {
      path(into, AttributeType.AS4_PATH, attributes.asPath(), true);
    }
    if (!attributes.largeCommunities().isEmpty()) {
      begin(into, AttributeType.LARGE_COMMUNITIES, 12 * attributes.largeCommunities().size());
      for (LargeCommunity community : attributes.largeCommunities()) {
        into.putInt(community.administrator()).putInt(community.first()).putInt(community.second());
      }
    }
    for (UnknownAttribute unknown : attributes.unknown()) {
      begin(into, unknown.flags(), unknown.type(), unknown.value().length).put(unknown.value());
    }
    return into.flip();
  }

  /// At most what it takes.
  static int sizeOf(PathAttributes attributes) {
    int size = 128;
    for (Segment segment : attributes.asPath().segments()) {
      size += 2 * (2 + 4 * segment.ases().size());
    }
    size += 4 * (attributes.communities().size() + attributes.clusterList().size());
    size += 8 * attributes.extendedCommunities().size();
    size += 12 * attributes.largeCommunities().size();
    for (UnknownAttribute unknown : attributes.unknown()) {
      size += 4 + unknown.value().length;
    }
    return size;
  }

  private static boolean wide(AsPath path) {
    for (Segment segment : path.segments()) {
      for (long as : segment.ases()) {
        if (as > 0xffff) {
          return true;
        }
      }
    }
    return false;
  }

  private static void path(ByteBuffer into, AttributeType type, AsPath path, boolean fourOctets) {
    List<Segment> segments = new ArrayList<>(path.segments());
    int length = 0;
    for (Segment segment : segments) {
      length += 2 + (fourOctets ? 4 : 2) * segment.ases().size();
    }
    begin(into, type, length);
    for (Segment segment : segments) {
      into.put((byte) segment.kind().code()).put((byte) segment.ases().size());
      for (long as : segment.ases()) {
        if (fourOctets) {
          into.putInt((int) as);
        } else {
          into.putShort((short) (as > 0xffff ? Octets.AS_TRANS : as));
        }
      }
    }
  }

  private static void aggregator(ByteBuffer into, Aggregator aggregator, SessionTerms terms) {
    if (terms.fourOctetAs()) {
      begin(into, AttributeType.AGGREGATOR, 8).putInt((int) aggregator.as());
      Octets.put(into, aggregator.id());
      return;
    }
    boolean wide = aggregator.as() > 0xffff;
    begin(into, AttributeType.AGGREGATOR, 6)
        .putShort((short) (wide ? Octets.AS_TRANS : aggregator.as()));
    Octets.put(into, aggregator.id());
    if (wide) {
      begin(into, AttributeType.AS4_AGGREGATOR, 8).putInt((int) aggregator.as());
      Octets.put(into, aggregator.id());
    }
  }

  static ByteBuffer begin(ByteBuffer into, AttributeType type, int length) {
    return begin(into, type.flags(), type.code(), length);
  }

  private static ByteBuffer begin(ByteBuffer into, int flags, int code, int length) {
    if (length > 255) {
      into.put((byte) (flags | AttributeType.FLAG_EXTENDED_LENGTH)).put((byte) code);
      return into.putShort((short) length);
    }
    return into.put((byte) flags).put((byte) code).put((byte) length);
  }

  /// An attribute of a length to be put later.
  ///
  /// @return where its two octets are
  static int beginExtended(ByteBuffer into, AttributeType type) {
    into.put((byte) (type.flags() | AttributeType.FLAG_EXTENDED_LENGTH)).put((byte) type.code());
    into.putShort((short) 0);
    return into.position() - 2;
  }
}
