// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Decides what a question gets, from a zone alone: pure.
final class ClusterNames {
  /// Kubernetes DNS specification version, told by a TXT record.
  private static final String SPECIFICATION = "1.1.0";

  private static final int NEGATIVE_TTL_SECONDS = 5;
  private static final int MAX_ALIASES = 8;

  /// What to do with a question.
  sealed interface Outcome {
    /// Answer this.
    record Answered(Reply reply) implements Outcome {}

    /// Ask an upstream for `name`, and put the aliases that led there in front of what it says.
    record Elsewhere(Name name, List<ResourceRecord> aliases) implements Outcome {}
  }

  private final Name domain;
  private final Name services;
  private final Name pods;
  private final Name nameServer;
  private final List<Prefix> servicePrefixes;
  private final List<Prefix> podPrefixes;
  private final int ttl;

  ClusterNames(DnsConfig config) {
    domain = Name.parse(config.clusterDomain());
    services = domain.child("svc");
    pods = domain.child("pod");
    nameServer = domain.child("dns").child("ns");
    servicePrefixes = config.servicePrefixes();
    podPrefixes = config.podPrefixes();
    ttl = Math.toIntExact(config.ttl().toSeconds());
  }

  /// The name that Services' namespaces are below.
  Name services() {
    return services;
  }

  /// What the zone holds besides Services.
  List<Zone.Contribution> fixed(IpAddress nameServerAddress) {
    List<ResourceRecord> records = new ArrayList<>();
    records.add(soa(domain));
    records.add(ResourceRecord.of(domain, ttl, new Rdata.Target(RecordType.NS, nameServer)));
    records.add(
        ResourceRecord.of(domain.child("dns-version"), ttl, Rdata.Opaque.text(SPECIFICATION)));
    if (!nameServerAddress.isUnspecified()) {
      records.add(ResourceRecord.of(nameServer, ttl, new Rdata.Address(nameServerAddress)));
    }
    return List.of(
        new Zone.Contribution(domain, records),
        new Zone.Contribution(services, List.of()),
        new Zone.Contribution(pods, List.of()));
  }

  /// @param zone null while the cluster has not been read yet
  Outcome resolve(@Nullable Zone zone, Query query) {
    if (query.queryClass() != ResourceRecord.CLASS_IN
        || query.type() == RecordType.AXFR
        || query.type() == RecordType.IXFR) {
      return new Outcome.Answered(Reply.error(ResponseCode.REFUSED));
    }
    List<ResourceRecord> aliases = new ArrayList<>();
    Name name = query.name();
    while (true) {
      Name apex = apex(name);
      if (apex == null) {
        return new Outcome.Elsewhere(name, List.copyOf(aliases));
      }
      if (zone == null) {
        // Neither yes nor no would be true; a resolver asks again.
        return new Outcome.Answered(Reply.error(ResponseCode.SERVER_FAILURE));
      }
      List<ResourceRecord> there = records(zone, name);
      ResourceRecord alias = alias(there, query.type());
      if (alias == null || aliases.size() == MAX_ALIASES) {
        return new Outcome.Answered(reply(zone, apex, there, query, aliases));
      }
      aliases.add(alias);
      name = ((Rdata.Target) alias.data()).name();
    }
  }

  /// The zone of ours that the name belongs to, or null.
  private @Nullable Name apex(Name name) {
    if (name.isWithin(domain)) {
      return domain;
    }
    Prefix asked = ReverseName.prefix(name);
    if (asked == null) {
      return null;
    }
    for (List<Prefix> prefixes : List.of(servicePrefixes, podPrefixes)) {
      for (Prefix ours : prefixes) {
        if (ours.contains(asked)) {
          return ReverseName.apex(ours, asked);
        }
      }
    }
    return null;
  }

  private @Nullable List<ResourceRecord> records(Zone zone, Name name) {
    List<ResourceRecord> there = zone.records(name);
    if (there != null) {
      return there;
    }
    if (name.isWithin(pods)) {
      return podRecords(name);
    }
    Prefix reverse = ReverseName.prefix(name);
    boolean incomplete = reverse != null && reverse.length() < reverse.family().addressBits();
    return incomplete ? List.of() : null;
  }

  /// `10-200-0-5.default.pod.cluster.local`, or the namespace alone, which exists without records.
  private @Nullable List<ResourceRecord> podRecords(Name name) {
    int labels = name.labelCount() - pods.labelCount();
    if (labels == 1) {
      return List.of();
    }
    IpAddress address = labels == 2 ? dashed(name.label(0)) : null;
    if (address == null || podPrefixes.stream().noneMatch(prefix -> prefix.contains(address))) {
      return null;
    }
    return List.of(ResourceRecord.of(name, ttl, new Rdata.Address(address)));
  }

  private static @Nullable IpAddress dashed(String label) {
    for (char separator : new char[] {'.', ':'}) {
      try {
        return IpAddress.parse(label.replace('-', separator));
      } catch (IllegalArgumentException e) {
        // Not of this family.
      }
    }
    return null;
  }

  private static @Nullable ResourceRecord alias(@Nullable List<ResourceRecord> there, int type) {
    if (there == null || type == RecordType.CNAME || type == RecordType.ANY) {
      return null;
    }
    for (ResourceRecord record : there) {
      if (record.type() == RecordType.CNAME) {
        return record;
      }
    }
    return null;
  }

  private Reply reply(
      Zone zone,
      Name apex,
      @Nullable List<ResourceRecord> there,
      Query query,
      List<ResourceRecord> aliases) {
    List<ResourceRecord> answers = new ArrayList<>(aliases);
    if (there != null) {
      List<ResourceRecord> matching = matching(there, query.type());
      // The id is as random as a turn of the wheel needs: each asker starts at another address.
      int turn = matching.isEmpty() ? 0 : Integer.remainderUnsigned(query.id(), matching.size());
      for (int i = 0; i < matching.size(); i++) {
        answers.add(matching.get((i + turn) % matching.size()));
      }
      if (!matching.isEmpty()) {
        return new Reply(ResponseCode.NO_ERROR, true, answers, List.of(), extras(zone, matching));
      }
    }
    int code = there == null ? ResponseCode.NAME_ERROR : ResponseCode.NO_ERROR;
    return new Reply(code, true, answers, List.of(soa(apex)), List.of());
  }

  private static List<ResourceRecord> matching(List<ResourceRecord> there, int type) {
    List<ResourceRecord> matching = new ArrayList<>(there.size());
    for (ResourceRecord record : there) {
      if (record.type() == type || type == RecordType.ANY) {
        matching.add(record);
      }
    }
    return matching;
  }

  /// The addresses of SRV targets, which save the asker a question.
  private static List<ResourceRecord> extras(Zone zone, List<ResourceRecord> answers) {
    List<ResourceRecord> extras = List.of();
    for (ResourceRecord answer : answers) {
      if (answer.data() instanceof Rdata.Srv srv) {
        List<ResourceRecord> target = zone.records(srv.target());
        if (target != null) {
          extras = extras.isEmpty() ? new ArrayList<>() : extras;
          for (ResourceRecord record : target) {
            if (record.data() instanceof Rdata.Address) {
              extras.add(record);
            }
          }
        }
      }
    }
    return extras;
  }

  private ResourceRecord soa(Name apex) {
    return ResourceRecord.of(
        apex,
        NEGATIVE_TTL_SECONDS,
        new Rdata.Soa(
            nameServer, domain.child("hostmaster"), 1, 7200, 1800, 86_400, NEGATIVE_TTL_SECONDS));
  }
}
