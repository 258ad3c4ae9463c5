// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Results and errors as JSON of the version that the caller speaks. What a version cannot say is
/// left out.
final class ResultWriter {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private ResultWriter() {}

  static String render(CniResult result, CniVersion version) {
    ObjectNode root = JSON.objectNode();
    root.put("cniVersion", version.toString());
    if (version.hasLists()) {
      writeLists(root, result, version);
    } else {
      writeFamilies(root, result);
    }
    writeDns(root.putObject("dns"), result.dns());
    return JsonText.of(root);
  }

  static String render(CniException error, CniVersion version) {
    ObjectNode root = JSON.objectNode();
    root.put("cniVersion", version.toString());
    root.put("code", error.number());
    root.put("msg", String.valueOf(error.getMessage()));
    if (!error.details().isEmpty()) {
      root.put("details", error.details());
    }
    return JsonText.of(root);
  }

  private static void writeLists(ObjectNode root, CniResult result, CniVersion version) {
    boolean newest = version.atLeast(CniVersion.V1_1_0);
    if (!result.interfaces().isEmpty()) {
      ArrayNode interfaces = root.putArray("interfaces");
      for (CniResult.Interface link : result.interfaces()) {
        ObjectNode node = interfaces.addObject().put("name", link.name());
        putText(node, "mac", link.mac());
        putNumber(node, "mtu", newest ? link.mtu() : 0);
        putText(node, "sandbox", link.sandbox());
        putText(node, "socketPath", newest ? link.socketPath() : "");
        putText(node, "pciID", newest ? link.pciId() : "");
      }
    }
    ArrayNode ips = root.putArray("ips");
    for (CniResult.Address address : result.addresses()) {
      ObjectNode ip = ips.addObject();
      if (version.namesFamily()) {
        ip.put("version", Integer.toString(address.address().family().version()));
      }
      address.link().ifPresent(link -> ip.put("interface", link));
      ip.put("address", address.toString());
      putAddress(ip, "gateway", address.gateway());
    }
    if (!result.routes().isEmpty()) {
      ArrayNode routes = root.putArray("routes");
      for (CniResult.Route route : result.routes()) {
        writeRoute(routes.addObject(), route, newest);
      }
    }
  }

  private static void writeRoute(ObjectNode node, CniResult.Route route, boolean newest) {
    node.put("dst", route.destination().toString());
    putAddress(node, "gw", route.gateway());
    if (newest) {
      putNumber(node, "mtu", route.mtu());
      putNumber(node, "advmss", route.advmss());
      putNumber(node, "priority", route.priority());
      route.table().ifPresent(table -> node.put("table", table));
      route.scope().ifPresent(scope -> node.put("scope", scope));
    }
  }

  /// The form of 0.1.0 and 0.2.0: the first address of each family.
  private static void writeFamilies(ObjectNode root, CniResult result) {
    for (IpFamily family : IpFamily.values()) {
      Optional<CniResult.Address> first =
          result.addresses().stream().filter(a -> a.address().family() == family).findFirst();
      if (first.isEmpty()) {
        continue;
      }
      ObjectNode node = root.putObject("ip" + family.version());
      node.put("ip", first.get().toString());
      putAddress(node, "gateway", first.get().gateway());
      List<CniResult.Route> routes =
          result.routes().stream().filter(r -> r.destination().family() == family).toList();
      if (!routes.isEmpty()) {
        ArrayNode list = node.putArray("routes");
        routes.forEach(route -> writeRoute(list.addObject(), route, false));
      }
    }
  }

  private static void writeDns(ObjectNode node, CniResult.Dns dns) {
    putTexts(node, "nameservers", dns.nameservers());
    putText(node, "domain", dns.domain());
    putTexts(node, "search", dns.search());
    putTexts(node, "options", dns.options());
  }

  private static void putText(ObjectNode node, String name, String text) {
    if (!text.isEmpty()) {
      node.put(name, text);
    }
  }

  private static void putNumber(ObjectNode node, String name, int number) {
    if (number != 0) {
      node.put(name, number);
    }
  }

  private static void putAddress(ObjectNode node, String name, Optional<IpAddress> address) {
    address.ifPresent(there -> node.put(name, there.toString()));
  }

  private static void putTexts(ObjectNode node, String name, List<String> texts) {
    if (!texts.isEmpty()) {
      ArrayNode list = node.putArray(name);
      texts.forEach(list::add);
    }
  }
}
