// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
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
    ///
    /// @param otherwise what to answer if the upstream knows no such name or says nothing; null for
    ///   what it says
    record Elsewhere(Name name, List<ResourceRecord> aliases, @Nullable Reply otherwise)
        implements Outcome {}
  }

  private final Name domain;
  private final Name services;
  private final Name pods;
  private final Name nameServer;
  private final List<Prefix> servicePrefixes;
  private final List<Prefix> podPrefixes;
  private final PodNames podNames;
  private final ClientPods clients;
  private final List<Name> fallthrough;

  /// What a search path tries after the client's own namespace, or null without the shortcut.
  private final @Nullable List<Name> search;

  private final List<Prefix> transferTo;
  private final Map<Name, List<ResourceRecord>> hosts;
  private final int ttl;

  ClusterNames(DnsConfig config, ClientPods clients) {
    ClusterZone zone = config.cluster();
    this.clients = clients;
    domain = Name.parse(zone.domain());
    services = domain.child("svc");
    pods = domain.child("pod");
    nameServer = domain.child("dns").child("ns");
    servicePrefixes = zone.servicePrefixes();
    podPrefixes = zone.podPrefixes();
    podNames = zone.podNames();
    fallthrough = zone.fallthrough().stream().map(Name::parseOrRoot).toList();
    search = zone.searchShortcut() ? search(zone.hostSearch()) : null;
    ttl = zone.ttlSeconds();
    transferTo = config.transferTo();
    hosts = hosts(config.hosts());
  }

  private List<Name> search(List<String> hostSearch) {
    List<Name> path = new ArrayList<>(List.of(services, domain));
    hostSearch.forEach(text -> path.add(Name.parseOrRoot(text)));
    path.add(Name.ROOT);
    return path;
  }

  private Map<Name, List<ResourceRecord>> hosts(Map<String, List<IpAddress>> addresses) {
    Map<Name, List<ResourceRecord>> records = new HashMap<>();
    addresses.forEach((text, ofName) -> {
      Name name = Name.parse(text);
      for (IpAddress address : ofName) {
        records
            .computeIfAbsent(name, _ -> new ArrayList<>())
            .add(ResourceRecord.of(name, ttl, new Rdata.Address(address)));
        Name reverse = ReverseName.of(address);
        records
            .computeIfAbsent(reverse, _ -> new ArrayList<>())
            .add(ResourceRecord.of(reverse, ttl, new Rdata.Target(RecordType.PTR, name)));
      }
    });
    return records;
  }

  /// The name that Services' namespaces are below.
  Name services() {
    return services;
  }

  /// What the zone holds besides Services.
  List<Zone.Contribution> fixed(IpAddress nameServerAddress) {
    List<ResourceRecord> records = new ArrayList<>();
    // Each reply has the serial of its own zone.
    records.add(soa(domain, 0));
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
  /// @param client who asks
  Outcome resolve(@Nullable Zone zone, Query query, InetAddress client) {
    if (query.queryClass() != ResourceRecord.CLASS_IN
        || query.type() == RecordType.AXFR
        || query.type() == RecordType.IXFR) {
      return new Outcome.Answered(Reply.error(ResponseCode.REFUSED));
    }
    Outcome outcome = follow(zone, query, query.name(), new ArrayList<>());
    return search != null
            && outcome instanceof Outcome.Answered(Reply reply)
            && reply.responseCode() == ResponseCode.NAME_ERROR
            && zone != null
        ? searched(zone, query, client, reply, search)
        : outcome;
  }

  /// The whole zone, null if the client may not have it or asks for another.
  @Nullable Transfer transfer(Zone zone, Query query, InetAddress client) {
    IpAddress address = IpAddress.ofBytes(client.getAddress());
    if (query.type() != RecordType.AXFR
        || query.queryClass() != ResourceRecord.CLASS_IN
        || !query.name().equals(domain)
        || transferTo.stream().noneMatch(prefix -> prefix.contains(address))) {
      return null;
    }
    Iterator<ResourceRecord> others =
        zone.within(domain).filter(record -> record.type() != RecordType.SOA).iterator();
    return new Transfer(query, soa(domain, zone.serial()), others);
  }

  private Outcome follow(
      @Nullable Zone zone, Query query, Name start, List<ResourceRecord> aliases) {
    Name name = start;
    while (true) {
      List<ResourceRecord> host = hosts.get(name);
      if (host != null) {
        List<ResourceRecord> answers = new ArrayList<>(aliases);
        answers.addAll(matching(host, query.type()));
        return new Outcome.Answered(
            new Reply(ResponseCode.NO_ERROR, true, answers, List.of(), List.of()));
      }
      Name apex = apex(name);
      if (apex == null) {
        return new Outcome.Elsewhere(name, List.copyOf(aliases), null);
      }
      if (zone == null) {
        // Neither yes nor no would be true; a resolver asks again.
        return new Outcome.Answered(Reply.error(ResponseCode.SERVER_FAILURE));
      }
      List<ResourceRecord> there = records(zone, name);
      if ((there == null || (there.isEmpty() && ReverseName.prefix(name) != null))
          && fallsThrough(name)) {
        return new Outcome.Elsewhere(name, List.copyOf(aliases), null);
      }
      ResourceRecord alias = alias(there, query.type());
      if (alias == null || aliases.size() == MAX_ALIASES) {
        return new Outcome.Answered(reply(zone, apex, there, query, aliases));
      }
      aliases.add(alias);
      name = ((Rdata.Target) alias.data()).name();
    }
  }

  private boolean fallsThrough(Name name) {
    for (Name zone : fallthrough) {
      if (name.isWithin(zone)) {
        return true;
      }
    }
    return false;
  }

  /// The rest of the client's search path, walked here instead of by the client: what it would end
  /// with is answered behind an alias. Only the first name of the path is a reason to, so a client
  /// that walks on by itself gets plain answers.
  private Outcome searched(
      Zone zone, Query query, InetAddress client, Reply missing, List<Name> path) {
    if (query.type() != RecordType.A && query.type() != RecordType.AAAA) {
      return new Outcome.Answered(missing);
    }
    String namespace = clients.namespace(IpAddress.ofBytes(client.getAddress()));
    if (namespace == null) {
      return new Outcome.Answered(missing);
    }
    Name own = services.child(namespace);
    Name asked = query.name();
    if (!asked.isWithin(own) || asked.equals(own)) {
      return new Outcome.Answered(missing);
    }
    for (Name suffix : path) {
      Name next = asked.moved(own, suffix);
      if (next == null) {
        continue;
      }
      List<ResourceRecord> aliases = new ArrayList<>();
      aliases.add(ResourceRecord.of(asked, ttl, new Rdata.Target(RecordType.CNAME, next)));
      switch (follow(zone, query, next, aliases)) {
        case Outcome.Elsewhere elsewhere -> {
          return new Outcome.Elsewhere(elsewhere.name(), elsewhere.aliases(), missing);
        }
        case Outcome.Answered(Reply reply) -> {
          if (reply.responseCode() == ResponseCode.NO_ERROR) {
            return new Outcome.Answered(reply);
          }
        }
      }
    }
    return new Outcome.Answered(missing);
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
      return podNames == PodNames.DISABLED ? null : List.of();
    }
    IpAddress address = labels == 2 ? dashed(name.label(0)) : null;
    if (address == null || podPrefixes.stream().noneMatch(prefix -> prefix.contains(address))) {
      return null;
    }
    boolean exists =
        switch (podNames) {
          case DISABLED -> false;
          case INSECURE -> true;
          case VERIFIED -> name.label(1).equals(clients.namespace(address));
        };
    if (!exists) {
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
        ResourceRecord record = matching.get((i + turn) % matching.size());
        answers.add(record.type() == RecordType.SOA ? soa(apex, zone.serial()) : record);
      }
      if (!matching.isEmpty()) {
        return new Reply(ResponseCode.NO_ERROR, true, answers, List.of(), extras(zone, matching));
      }
    }
    int code = there == null ? ResponseCode.NAME_ERROR : ResponseCode.NO_ERROR;
    return new Reply(code, true, answers, List.of(soa(apex, zone.serial())), List.of());
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

  private ResourceRecord soa(Name apex, int serial) {
    return ResourceRecord.of(
        apex,
        NEGATIVE_TTL_SECONDS,
        new Rdata.Soa(
            nameServer,
            domain.child("hostmaster"),
            serial,
            7200,
            1800,
            86_400,
            NEGATIVE_TTL_SECONDS));
  }
}
