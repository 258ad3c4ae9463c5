// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import dev.fairway.bgp.wire.PathAttributes.Aggregator;
import dev.fairway.net.IpAddress;
import java.util.List;
import java.util.Optional;

/// Path attributes in the making.
public final class AttributesEdit {
  private Origin origin = Origin.IGP;
  private AsPath asPath = AsPath.EMPTY;
  private IpAddress nextHop;
  private Optional<IpAddress> linkLocal = Optional.empty();
  private Optional<Long> med = Optional.empty();
  private Optional<Long> localPreference = Optional.empty();
  private boolean atomicAggregate;
  private Optional<Aggregator> aggregator = Optional.empty();
  private List<Community> communities = List.of();
  private List<ExtendedCommunity> extendedCommunities = List.of();
  private List<LargeCommunity> largeCommunities = List.of();
  private Optional<IpAddress> originatorId = Optional.empty();
  private List<IpAddress> clusterList = List.of();
  private List<UnknownAttribute> unknown = List.of();

  public AttributesEdit(IpAddress nextHop) {
    this.nextHop = nextHop;
  }

  AttributesEdit(PathAttributes from) {
    origin = from.origin();
    asPath = from.asPath();
    nextHop = from.nextHop();
    linkLocal = from.linkLocal();
    med = from.med();
    localPreference = from.localPreference();
    atomicAggregate = from.atomicAggregate();
    aggregator = from.aggregator();
    communities = from.communities();
    extendedCommunities = from.extendedCommunities();
    largeCommunities = from.largeCommunities();
    originatorId = from.originatorId();
    clusterList = from.clusterList();
    unknown = from.unknown();
  }

  public PathAttributes done() {
    return new PathAttributes(
        origin,
        asPath,
        nextHop,
        linkLocal,
        med,
        localPreference,
        atomicAggregate,
        aggregator,
        communities,
        extendedCommunities,
        largeCommunities,
        originatorId,
        clusterList,
        unknown);
  }

  public AttributesEdit origin(Origin value) {
    origin = value;
    return this;
  }

  public AttributesEdit asPath(AsPath value) {
    asPath = value;
    return this;
  }

  public AttributesEdit nextHop(IpAddress value) {
    nextHop = value;
    return this;
  }

  public AttributesEdit linkLocal(Optional<IpAddress> value) {
    linkLocal = value;
    return this;
  }

  public AttributesEdit med(Optional<Long> value) {
    med = value;
    return this;
  }

  public AttributesEdit localPreference(Optional<Long> value) {
    localPreference = value;
    return this;
  }

  public AttributesEdit atomicAggregate(boolean value) {
    atomicAggregate = value;
    return this;
  }

  public AttributesEdit aggregator(Optional<Aggregator> value) {
    aggregator = value;
    return this;
  }

  public AttributesEdit communities(List<Community> value) {
    communities = value;
    return this;
  }

  public AttributesEdit extendedCommunities(List<ExtendedCommunity> value) {
    extendedCommunities = value;
    return this;
  }

  public AttributesEdit largeCommunities(List<LargeCommunity> value) {
    largeCommunities = value;
    return this;
  }

  public AttributesEdit originatorId(Optional<IpAddress> value) {
    originatorId = value;
    return this;
  }

  public AttributesEdit clusterList(List<IpAddress> value) {
    clusterList = value;
    return this;
  }

  public AttributesEdit unknown(List<UnknownAttribute> value) {
    unknown = value;
    return this;
  }
}
