// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.table;

import dev.fairway.apimachinery.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// The columns of Services and what belongs to them.
final class NetworkCells {
  /// More than this is counted, not listed.
  private static final int SHOWN = 3;

  private NetworkCells() {}

  static List<Column> columns(String kind) {
    return switch (kind) {
      case "EndpointSlice" ->
          List.of(
              Column.NAME,
              Column.text("AddressType", "addressType"),
              Column.text("Ports", (object, now) -> slicePorts(object)),
              Column.text("Endpoints", (object, now) -> sliceAddresses(object)),
              Column.AGE);
      case "Ingress" ->
          List.of(
              Column.NAME,
              Column.text("Class", (object, now) -> ingressClass(object)),
              Column.text("Hosts", (object, now) -> hosts(object)),
              Column.text("Address", (object, now) -> balancer(object)),
              Column.text(
                  "Ports",
                  (object, now) -> Trees.at(object, "spec", "tls") == null ? "80" : "80, 443"),
              Column.AGE);
      case "IngressClass" ->
          List.of(
              Column.NAME,
              Column.text("Controller", "spec", "controller"),
              Column.text(
                  "Parameters",
                  (object, now) -> {
                    String name = Trees.text(object, "spec", "parameters", "name");
                    String kindOf = Trees.text(object, "spec", "parameters", "kind");
                    String group = Trees.text(object, "spec", "parameters", "apiGroup");
                    return name.isEmpty()
                        ? Cells.NONE
                        : kindOf + (group.isEmpty() ? "" : "." + group) + "/" + name;
                  }),
              Column.AGE);
      case "NetworkPolicy" ->
          List.of(
              Column.NAME,
              Column.text(
                  "Pod-Selector",
                  (object, now) -> Cells.selector(Trees.at(object, "spec", "podSelector"))),
              Column.AGE);
      case "IPAddress" ->
          List.of(
              Column.NAME,
              Column.text(
                  "ParentRef",
                  (object, now) -> {
                    JsonNode parent = Trees.at(object, "spec", "parentRef");
                    return Trees.text(parent, "resource")
                        + "/"
                        + Trees.text(parent, "namespace")
                        + "/"
                        + Trees.text(parent, "name");
                  }),
              Column.AGE);
      case "ServiceCIDR" ->
          List.of(
              Column.NAME,
              Column.text(
                  "CIDRs", (object, now) -> Cells.joined(Trees.at(object, "spec"), "cidrs", "")),
              Column.AGE);
      default -> Columns.plain();
    };
  }

  static List<Column> service() {
    return List.of(
        Column.NAME,
        Column.text("Type", "spec", "type"),
        Column.text("Cluster-IP", (object, now) -> clusterIp(object)),
        Column.text("External-IP", (object, now) -> externalIp(object)),
        Column.text("Port(s)", (object, now) -> servicePorts(object)),
        Column.AGE,
        Column.wide(
            "Selector", (object, now) -> Cells.labels(Trees.at(object, "spec", "selector"))));
  }

  static List<Column> endpoints() {
    return List.of(
        Column.NAME, Column.text("Endpoints", (object, now) -> addresses(object)), Column.AGE);
  }

  private static String clusterIp(JsonNode service) {
    String ip = Trees.text(service, "spec", "clusterIP");
    return ip.isEmpty() ? Cells.NONE : ip;
  }

  private static String externalIp(JsonNode service) {
    String listed = Cells.joined(Trees.at(service, "spec"), "externalIPs", "");
    return switch (Trees.text(service, "spec", "type")) {
      case "ExternalName" -> Trees.text(service, "spec", "externalName");
      case "LoadBalancer" -> {
        String balancer = balancer(service);
        String both =
            balancer.isEmpty() || listed.isEmpty() ? balancer + listed : balancer + "," + listed;
        yield Cells.or(both, "<pending>");
      }
      default -> Cells.or(listed, Cells.NONE);
    };
  }

  private static String servicePorts(JsonNode service) {
    List<String> ports = new ArrayList<>();
    for (JsonNode port : Trees.items(service, "spec", "ports")) {
      long nodePort = Trees.number(port, 0, "nodePort");
      ports.add(
          Trees.number(port, 0, "port")
              + (nodePort > 0 ? ":" + nodePort : "")
              + "/"
              + Trees.text(port, "protocol"));
    }
    return Cells.or(String.join(",", ports), Cells.NONE);
  }

  private static String balancer(JsonNode object) {
    TreeSet<String> addresses = new TreeSet<>();
    for (JsonNode ingress : Trees.items(object, "status", "loadBalancer", "ingress")) {
      String ip = Trees.text(ingress, "ip");
      addresses.add(ip.isEmpty() ? Trees.text(ingress, "hostname") : ip);
    }
    return String.join(",", addresses);
  }

  private static String addresses(JsonNode endpoints) {
    List<String> found = new ArrayList<>();
    int count = 0;
    for (JsonNode subset : Trees.items(endpoints, "subsets")) {
      boolean ports = Cells.size(Trees.at(subset, "ports")) > 0;
      for (JsonNode port : ports ? Trees.items(subset, "ports") : Trees.array().addNull()) {
        for (JsonNode address : Trees.items(subset, "addresses")) {
          if (count++ < SHOWN) {
            found.add(hostPort(Trees.text(address, "ip"), ports ? port : null));
          }
        }
      }
    }
    return limited(found, count);
  }

  private static String hostPort(String ip, @Nullable JsonNode port) {
    if (port == null) {
      return ip;
    }
    String host = ip.indexOf(':') >= 0 ? "[" + ip + "]" : ip;
    return host + ":" + Trees.number(port, 0, "port");
  }

  private static String limited(List<String> shown, int count) {
    String text = String.join(",", shown);
    return count > SHOWN ? text + " + " + (count - SHOWN) + " more..." : Cells.or(text, Cells.NONE);
  }

  private static String slicePorts(JsonNode slice) {
    List<String> shown = new ArrayList<>();
    int count = 0;
    for (JsonNode port : Trees.items(slice, "ports")) {
      if (count++ < SHOWN) {
        JsonNode number = Trees.at(port, "port");
        shown.add(number == null ? "*" : number.asString());
      }
    }
    return count == 0 ? Cells.UNSET : limited(shown, count);
  }

  private static String sliceAddresses(JsonNode slice) {
    List<String> shown = new ArrayList<>();
    int count = 0;
    for (JsonNode endpoint : Trees.items(slice, "endpoints")) {
      for (JsonNode address : Trees.items(endpoint, "addresses")) {
        if (count++ < SHOWN) {
          shown.add(address.asString());
        }
      }
    }
    return count == 0 ? Cells.UNSET : limited(shown, count);
  }

  private static String ingressClass(JsonNode ingress) {
    String name = Trees.text(ingress, "spec", "ingressClassName");
    String old = Trees.text(ingress, "metadata", "annotations", "kubernetes.io/ingress.class");
    return Cells.or(name.isEmpty() ? old : name, Cells.NONE);
  }

  private static String hosts(JsonNode ingress) {
    List<String> shown = new ArrayList<>();
    int count = 0;
    for (JsonNode rule : Trees.items(ingress, "spec", "rules")) {
      String host = Trees.text(rule, "host");
      if (!host.isEmpty() && count++ < SHOWN) {
        shown.add(host);
      }
    }
    return count == 0 ? "*" : limited(shown, count);
  }
}
