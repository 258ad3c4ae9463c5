// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Gives Services their cluster IPs and node ports, each to one Service only.
///
/// The Services in the store are the record of what is taken; it is read once and then followed by
/// the writes that pass here, which is why only one API server may run on a store. The low part of
/// a range is left to those who ask for an address themselves, as upstream does (KEP-3070).
public final class ServiceAddresses implements AdmissionStep {
  private static final int MAX_LOW_PART = 256;

  private final List<Prefix> ranges;
  private final int firstPort;
  private final int lastPort;
  private final RandomGenerator random;
  // Address or port to the uid of its Service; null until the store has been read.
  private @Nullable Map<Object, String> owners;
  private final Lookup lookup;

  /// @param ranges one a family, the primary one first
  public ServiceAddresses(
      Lookup lookup, List<Prefix> ranges, int firstPort, int lastPort, RandomGenerator random) {
    this.lookup = lookup;
    this.ranges = List.copyOf(ranges);
    this.firstPort = firstPort;
    this.lastPort = lastPort;
    this.random = random;
  }

  @Override
  public String name() {
    return "ServiceAddresses";
  }

  @Override
  public synchronized void admit(Admission admission) {
    if (!admission.kind().is("", "Service")) {
      return;
    }
    ObjectNode service = admission.object();
    ObjectNode spec = Trees.child(service, "spec");
    ObjectNode old = admission.old();
    Set<Object> held = old == null ? Set.of() : takenBy(old);
    Take take = new Take(admission, Trees.text(service, "metadata", "uid"), held, owners());
    String type = Trees.text(spec, "type");
    if (old != null) {
      forgetOldType(spec, old, type);
    }
    if (type.equals("ExternalName")) {
      for (String field : List.of("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")) {
        spec.remove(field);
      }
    } else {
      keepAddresses(spec, old);
      addresses(take, spec);
    }
    ports(take, spec, old, type.equals("NodePort") || type.equals("LoadBalancer"));
    take.done();
  }

  /// One who changes only the type does not mean to keep what only the old type may have.
  private static void forgetOldType(ObjectNode spec, JsonNode old, String type) {
    if (!type.equals("LoadBalancer")) {
      forgetUnchanged(spec, old, "allocateLoadBalancerNodePorts");
      forgetUnchanged(spec, old, "loadBalancerClass");
      if (!type.equals("NodePort") && spec.path("externalIPs").isEmpty()) {
        forgetUnchanged(spec, old, "externalTrafficPolicy");
      }
    }
  }

  private static void forgetUnchanged(ObjectNode spec, JsonNode old, String field) {
    JsonNode before = Trees.at(old, "spec", field);
    if (before != null && before.equals(spec.get(field))) {
      spec.remove(field);
    }
  }

  /// A Service has been removed: what it had is free again.
  public synchronized void release(JsonNode service) {
    Map<Object, String> all = owners();
    String uid = Trees.text(service, "metadata", "uid");
    takenBy(service).forEach(taken -> all.remove(taken, uid));
  }

  private Map<Object, String> owners() {
    if (owners == null) {
      Map<Object, String> all = new HashMap<>();
      for (ObjectNode service : lookup.all("", "Service")) {
        String uid = Trees.text(service, "metadata", "uid");
        takenBy(service).forEach(taken -> all.put(taken, uid));
      }
      owners = all;
    }
    return owners;
  }

  private static Set<Object> takenBy(JsonNode service) {
    Set<Object> taken = new HashSet<>();
    for (JsonNode address : Trees.items(service, "spec", "clusterIPs")) {
      if (!address.asString().equals("None")) {
        taken.add(IpAddress.parse(address.asString()));
      }
    }
    for (JsonNode port : Trees.items(service, "spec", "ports")) {
      int nodePort = (int) Trees.number(port, 0, "nodePort");
      if (nodePort > 0) {
        taken.add(nodePort);
      }
    }
    int health = (int) Trees.number(service, 0, "spec", "healthCheckNodePort");
    if (health > 0) {
      taken.add(health);
    }
    return taken;
  }

  /// An update that says nothing about addresses keeps them.
  private static void keepAddresses(ObjectNode spec, @Nullable ObjectNode old) {
    if (old == null || Trees.text(old, "spec", "type").equals("ExternalName")) {
      return;
    }
    for (String field : List.of("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")) {
      JsonNode value = Trees.at(old, "spec", field);
      JsonNode given = spec.get(field);
      boolean absent = given == null || given.isNull() || given.asString("x").isEmpty();
      if (value != null && absent) {
        spec.set(field, value);
      }
    }
    // One who changes the single address means the first of the list, too; whether that may be is
    // for validation to say.
    String before = Trees.text(old, "spec", "clusterIP");
    String wanted = Trees.text(spec, "clusterIP");
    List<JsonNode> list = new ArrayList<>();
    Trees.items(spec, "clusterIPs").forEach(list::add);
    if (!wanted.equals(before) && !list.isEmpty() && list.getFirst().asString().equals(before)) {
      ArrayNode changed = spec.putArray("clusterIPs").add(wanted);
      list.stream().skip(1).forEach(changed::add);
    }
  }

  private void addresses(Take take, ObjectNode spec) {
    List<String> wanted = new ArrayList<>();
    Trees.items(spec, "clusterIPs").forEach(address -> wanted.add(address.asString()));
    String single = Trees.text(spec, "clusterIP");
    if (wanted.isEmpty() && !single.isEmpty()) {
      wanted.add(single);
    }
    List<IpFamily> families = families(take, spec, wanted);
    ArrayNode list = Trees.array();
    if (wanted.contains("None")) {
      list.add("None");
    } else {
      for (int i = 0; i < families.size(); i++) {
        Prefix range = range(families.get(i));
        list.add(
            i < wanted.size() && !wanted.get(i).isEmpty()
                ? take.address(wanted.get(i), range, i).toString()
                : any(take, range).toString());
      }
    }
    spec.set("clusterIPs", list);
    spec.put("clusterIP", list.get(0).asString());
    ArrayNode names = spec.putArray("ipFamilies");
    families.forEach(family -> names.add(name(family)));
    if (Trees.text(spec, "ipFamilyPolicy").isEmpty()) {
      spec.put("ipFamilyPolicy", families.size() > 1 ? "RequireDualStack" : "SingleStack");
    }
  }

  /// The families a Service gets: those it names or its addresses have, else the primary one; both
  /// if its policy is for two.
  private List<IpFamily> families(Take take, ObjectNode spec, List<String> wanted) {
    List<IpFamily> families = new ArrayList<>();
    for (JsonNode name : Trees.items(spec, "ipFamilies")) {
      IpFamily family = family(name.asString());
      if (family == null || ranges.stream().noneMatch(range -> range.family() == family)) {
        throw take.invalid(
            "spec.ipFamilies[" + families.size() + "]",
            name.asString(),
            "not configured on this cluster");
      }
      families.add(family);
    }
    for (int i = families.size(); i < wanted.size(); i++) {
      if (!wanted.get(i).isEmpty() && !wanted.get(i).equals("None")) {
        families.add(take.parse(wanted.get(i), i).family());
      }
    }
    if (families.isEmpty()) {
      families.add(ranges.getFirst().family());
    }
    String policy = Trees.text(spec, "ipFamilyPolicy");
    if (policy.endsWith("DualStack")) {
      for (Prefix range : ranges) {
        if (!families.contains(range.family())) {
          families.add(range.family());
        }
      }
      if (policy.equals("RequireDualStack") && families.size() < 2) {
        throw take.invalid(
            "spec.ipFamilyPolicy",
            policy,
            "this cluster is not configured for dual-stack services");
      }
    }
    return families;
  }

  private Prefix range(IpFamily family) {
    return ranges.stream()
        .filter(range -> range.family() == family)
        .findFirst()
        .orElse(ranges.getFirst());
  }

  private IpAddress any(Take take, Prefix range) {
    // The first address names the network, an IPv4 range's last its broadcast.
    long usable = Math.min(range.size(), Integer.MAX_VALUE) - 2;
    long low = usable < 16 ? 0 : Math.min(Math.max(16, usable / 16), MAX_LOW_PART);
    long high = usable - low;
    long start = high <= 0 ? 0 : random.nextLong(high);
    for (long i = 0; i < usable; i++) {
      long offset = i < high ? low + (start + i) % high : i - high;
      IpAddress candidate = range.at(1 + offset);
      if (take.free(candidate)) {
        take.take(candidate);
        return candidate;
      }
    }
    throw StatusException.internal("no free address is left in the service range " + range);
  }

  private void ports(Take take, ObjectNode spec, @Nullable ObjectNode old, boolean needed) {
    Set<Integer> mine = new HashSet<>();
    int index = 0;
    boolean allocate =
        !Trees.text(spec, "type").equals("LoadBalancer")
            || Trees.at(spec, "allocateLoadBalancerNodePorts") == null
            || Trees.flag(spec, "allocateLoadBalancerNodePorts");
    List<ObjectNode> open = new ArrayList<>();
    for (JsonNode item : Trees.items(spec, "ports")) {
      int at = index++;
      if (!(item instanceof ObjectNode port)) {
        continue;
      }
      int wanted = (int) Trees.number(port, 0, "nodePort");
      if (!needed) {
        port.remove("nodePort");
      } else if (wanted > 0) {
        if (mine.add(wanted)) {
          take.port(wanted, "spec.ports[" + at + "].nodePort");
        }
      } else if (allocate) {
        open.add(port);
      }
    }
    for (ObjectNode port : open) {
      int kept = old == null ? 0 : sameNodePort(old, port);
      int number = kept > 0 && mine.add(kept) ? kept : anyPort(take);
      if (number == kept) {
        take.take(number);
      }
      mine.add(number);
      port.put("nodePort", number);
    }
    boolean local =
        Trees.text(spec, "type").equals("LoadBalancer")
            && Trees.text(spec, "externalTrafficPolicy").equals("Local");
    int health = (int) Trees.number(spec, 0, "healthCheckNodePort");
    if (!local) {
      spec.remove("healthCheckNodePort");
    } else if (health > 0) {
      take.port(health, "spec.healthCheckNodePort");
    } else {
      spec.put("healthCheckNodePort", anyPort(take));
    }
  }

  /// An update that leaves a node port out keeps the one the same port had.
  private static int sameNodePort(JsonNode old, JsonNode port) {
    for (JsonNode candidate : Trees.items(old, "spec", "ports")) {
      if (candidate.path("port").equals(port.path("port"))
          && candidate.path("protocol").equals(port.path("protocol"))) {
        return (int) Trees.number(candidate, 0, "nodePort");
      }
    }
    return 0;
  }

  private int anyPort(Take take) {
    int count = lastPort - firstPort + 1;
    int start = random.nextInt(count);
    for (int i = 0; i < count; i++) {
      Integer candidate = firstPort + (start + i) % count;
      if (take.free(candidate)) {
        take.take(candidate);
        return candidate;
      }
    }
    throw StatusException.internal("no free node port is left in " + firstPort + "-" + lastPort);
  }

  private static @Nullable IpFamily family(String name) {
    return switch (name) {
      case "IPv4" -> IpFamily.IPV4;
      case "IPv6" -> IpFamily.IPV6;
      default -> null;
    };
  }

  private static String name(IpFamily family) {
    return family == IpFamily.IPV4 ? "IPv4" : "IPv6";
  }

  /// What one write takes, and how it is given back.
  private final class Take {
    private final Admission admission;
    private final String uid;
    private final Set<Object> held;
    private final Map<Object, String> all;
    private final Set<Object> wanted = new HashSet<>();

    Take(Admission admission, String uid, Set<Object> held, Map<Object, String> all) {
      this.admission = admission;
      this.uid = uid;
      this.held = held;
      this.all = all;
    }

    boolean free(Object thing) {
      return !wanted.contains(thing) && !all.containsKey(thing);
    }

    void take(Object thing) {
      wanted.add(thing);
      if (!held.contains(thing)) {
        all.put(thing, uid);
        admission.undo(() -> giveBack(thing));
      }
    }

    private void giveBack(Object thing) {
      synchronized (ServiceAddresses.this) {
        all.remove(thing, uid);
      }
    }

    void done() {
      for (Object thing : held) {
        if (!wanted.contains(thing)) {
          admission.onStored(() -> giveBack(thing));
        }
      }
    }

    IpAddress parse(String text, int index) {
      try {
        return IpAddress.parse(text);
      } catch (IllegalArgumentException _) {
        throw invalid(
            "spec.clusterIPs[" + index + "]", text, "must be a valid IP address, (e.g. 10.9.8.7)");
      }
    }

    IpAddress address(String text, Prefix range, int index) {
      IpAddress address = parse(text, index);
      String field = "spec.clusterIPs[" + index + "]";
      if (!range.contains(address)) {
        throw invalid(
            field,
            text,
            "failed to allocate IP "
                + text
                + ": the provided IP is not in the valid range. The range of valid IPs is "
                + range);
      }
      if (taken(address)) {
        throw invalid(
            field, text, "failed to allocate IP " + text + ": provided IP is already allocated");
      }
      take(address);
      return address;
    }

    void port(int number, String field) {
      if (number < firstPort || number > lastPort) {
        throw invalid(
            field,
            number,
            "provided port is not in the valid range. The range of valid ports is "
                + firstPort
                + "-"
                + lastPort);
      }
      if (taken(number)) {
        throw invalid(field, number, "provided port is already allocated");
      }
      take(number);
    }

    private boolean taken(Object thing) {
      String owner = all.get(thing);
      return owner != null && !owner.equals(uid);
    }

    StatusException invalid(String field, Object value, String detail) {
      return StatusException.invalid(
          admission.kind(),
          Trees.text(admission.object(), "metadata", "name"),
          List.of(FieldError.invalid(field, value, detail)));
    }
  }
}
