// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What an ADD tells the runtime: section 5 of the specification.
///
/// @param hostInterface the end on the node
/// @param hostMac its MAC address
/// @param podInterface the end in the sandbox
/// @param podMac its MAC address
/// @param netns the sandbox
/// @param addresses of the pod, each with its gateway
/// @param routes the destinations the pod was given routes to
/// @param mtu of both ends
public record CniResult(
    String hostInterface,
    MacAddress hostMac,
    String podInterface,
    MacAddress podMac,
    Path netns,
    List<Address> addresses,
    List<Prefix> routes,
    int mtu) {
  private static final JsonMapper JSON = new JsonMapper();

  public CniResult {
    addresses = List.copyOf(addresses);
    routes = List.copyOf(routes);
  }

  /// One address of the pod and the next hop it sends through.
  public record Address(Prefix prefix, IpAddress gateway) {}

  String render(CniVersion version) {
    ObjectNode root = JSON.createObjectNode();
    root.put("cniVersion", version.toString());
    ArrayNode interfaces = root.putArray("interfaces");
    interfaces.addObject().put("name", hostInterface).put("mac", hostMac.toString());
    interfaces
        .addObject()
        .put("name", podInterface)
        .put("mac", podMac.toString())
        .put("sandbox", netns.toString());
    ArrayNode ips = root.putArray("ips");
    for (Address address : addresses) {
      ObjectNode ip = ips.addObject();
      if (version.namesFamily()) {
        ip.put("version", Integer.toString(address.prefix.family().version()));
      }
      ip.put("interface", 1)
          .put("address", address.prefix.toString())
          .put("gateway", address.gateway.toString());
    }
    ArrayNode routeList = root.putArray("routes");
    for (int i = 0; i < routes.size(); i++) {
      routeList
          .addObject()
          .put("dst", routes.get(i).toString())
          .put("gw", addresses.get(i).gateway.toString());
    }
    root.putObject("dns");
    return JSON.writeValueAsString(root) + "\n";
  }

  static String render(CniException error, CniVersion version) {
    ObjectNode root = JSON.createObjectNode();
    root.put("cniVersion", version.toString());
    root.put("code", error.code().number());
    root.put("msg", String.valueOf(error.getMessage()));
    if (!error.details().isEmpty()) {
      root.put("details", error.details());
    }
    return JSON.writeValueAsString(root) + "\n";
  }
}
