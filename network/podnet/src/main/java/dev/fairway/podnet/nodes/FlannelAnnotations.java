// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The annotations by which flannel's nodes tell one another how to be reached (flannel's
/// Documentation/kubernetes.md). Speaking them lets nodes of both kinds share a network.
public final class FlannelAnnotations {
  static final String PREFIX = "flannel.alpha.coreos.com/";
  static final String BACKEND_TYPE = PREFIX + "backend-type";
  static final String BACKEND_DATA = PREFIX + "backend-data";
  static final String PUBLIC_IP = PREFIX + "public-ip";
  static final String SUBNET_MANAGER = PREFIX + "kube-subnet-manager";
  private static final JsonMapper JSON = new JsonMapper();

  private FlannelAnnotations() {}

  /// What a node with a VXLAN device tells.
  public static Map<String, String> vxlan(IpAddress address, ClusterNode.Tunnel tunnel) {
    String data = "{\"VNI\":" + tunnel.vni() + ",\"VtepMAC\":\"" + tunnel.mac() + "\"}";
    return of("vxlan", data, address);
  }

  /// What a node tells that is reached by plain routes.
  public static Map<String, String> hostGateway(IpAddress address) {
    return of("host-gw", "null", address);
  }

  private static Map<String, String> of(String type, String data, IpAddress address) {
    Map<String, String> annotations = new TreeMap<>();
    annotations.put(BACKEND_TYPE, type);
    annotations.put(BACKEND_DATA, data);
    annotations.put(PUBLIC_IP, address.toString());
    annotations.put(SUBNET_MANAGER, "true");
    return annotations;
  }

  /// The VXLAN device that the annotations tell of, null if they tell of none.
  ///
  /// @throws IllegalArgumentException if they tell of one that cannot be
  static ClusterNode.@Nullable Tunnel tunnel(Map<String, String> annotations) {
    if (!"vxlan".equals(annotations.get(BACKEND_TYPE))) {
      return null;
    }
    String text = annotations.getOrDefault(BACKEND_DATA, "");
    if (text.length() > 1024) {
      throw new IllegalArgumentException(BACKEND_DATA + " is longer than 1024 characters");
    }
    JsonNode data;
    try {
      data = JSON.readTree(text);
    } catch (JacksonException e) {
      throw new IllegalArgumentException(BACKEND_DATA + " is not JSON", e);
    }
    JsonNode vni = data.path("VNI");
    JsonNode mac = data.path("VtepMAC");
    if (!vni.isInt() || vni.intValue() < 1 || vni.intValue() >= 1 << 24 || !mac.isString()) {
      throw new IllegalArgumentException(BACKEND_DATA + " must hold a VNI and a VtepMAC");
    }
    MacAddress address;
    try {
      address = MacAddress.parse(mac.stringValue());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(BACKEND_DATA + ": " + e.getMessage(), e);
    }
    boolean multicast = (address.bits() >>> 40 & 1) != 0;
    if (multicast || address.bits() == 0) {
      throw new IllegalArgumentException(BACKEND_DATA + ": " + address + " is no device's own");
    }
    return new ClusterNode.Tunnel(vni.intValue(), address);
  }
}
