// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.linux.wireguard.WireGuardKey;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.settings.BackendKind;
import java.util.Collection;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
  static final String BACKEND_V6_DATA = PREFIX + "backend-v6-data";
  static final String PUBLIC_IP = PREFIX + "public-ip";
  static final String PUBLIC_IPV6 = PREFIX + "public-ipv6";

  /// By which backends a node sends, if not by that which it announces to be reached by.
  static final String SENDS_BY = "podnet.fairway.dev/sends-by";

  /// A node's WireGuard key, also where flannel's annotations tell of another backend.
  static final String WIREGUARD_KEY = "podnet.fairway.dev/wireguard-public-key";

  static final String SUBNET_MANAGER = PREFIX + "kube-subnet-manager";
  private static final JsonMapper JSON = new JsonMapper();

  private FlannelAnnotations() {}

  static String address(IpFamily family) {
    return switch (family) {
      case IPV4 -> PUBLIC_IP;
      case IPV6 -> PUBLIC_IPV6;
    };
  }

  private static String data(IpFamily family) {
    return switch (family) {
      case IPV4 -> BACKEND_DATA;
      case IPV6 -> BACKEND_V6_DATA;
    };
  }

  /// The backends that a node sends by, told beside how it is reached.
  public static Map<String, String> sendsBy(Collection<BackendKind> backends) {
    return Map.of(
        SENDS_BY, String.join(",", backends.stream().map(BackendKind::toString).toList()));
  }

  /// The backends that a node sends by; one that only says how it is reached sends that way.
  static Set<BackendKind> sendsBy(Map<String, String> annotations) {
    String told = annotations.get(SENDS_BY);
    if (told == null) {
      return switch (annotations.getOrDefault(BACKEND_TYPE, "")) {
        case "vxlan" -> Set.of(BackendKind.VXLAN);
        case "host-gw" -> Set.of(BackendKind.ROUTES);
        case "wireguard" -> Set.of(BackendKind.WIREGUARD);
        default -> Set.of();
      };
    }
    Set<BackendKind> kinds = EnumSet.noneOf(BackendKind.class);
    for (BackendKind kind : BackendKind.values()) {
      if (told.contains(kind.toString())) {
        kinds.add(kind);
      }
    }
    return kinds;
  }

  /// What a node with a VXLAN device tells.
  public static Map<String, String> vxlan(IpAddress address, ClusterNode.Tunnel tunnel) {
    return of("vxlan", data(tunnel.vni(), tunnel.mac()), address);
  }

  /// What a node tells that is reached by plain routes.
  public static Map<String, String> hostGateway(IpAddress address) {
    return of("host-gw", "null", address);
  }

  /// What a node tells that is reached by WireGuard only, in flannel's form: the key stands in the
  /// field of each family that its pods have.
  public static Map<String, String> wireGuard(ClusterNode node, WireGuardKey key) {
    String data = "{\"PublicKey\":\"" + key + "\"}";
    Map<String, String> annotations = new TreeMap<>();
    annotations.put(BACKEND_TYPE, "wireguard");
    annotations.put(BACKEND_DATA, "null");
    annotations.put(SUBNET_MANAGER, "true");
    node.addresses().forEach(a -> annotations.put(address(a.family()), a.toString()));
    for (Prefix range : node.ranges()) {
      annotations.put(data(range.family()), data);
    }
    return annotations;
  }

  /// The key alone, beside whatever else a node tells; empty to take it back.
  public static Map<String, String> wireGuardKey(Optional<WireGuardKey> key) {
    return Map.of(WIREGUARD_KEY, key.map(WireGuardKey::text).orElse(""));
  }

  /// The WireGuard key that the annotations tell of.
  ///
  /// @throws IllegalArgumentException if they tell of one that cannot be
  static Optional<WireGuardKey> wireGuard(Map<String, String> annotations) {
    String text = annotations.getOrDefault(WIREGUARD_KEY, "");
    if (!text.isEmpty()) {
      return Optional.of(key(WIREGUARD_KEY, text));
    }
    if (!"wireguard".equals(annotations.get(BACKEND_TYPE))
        || annotations.containsKey(WIREGUARD_KEY)) {
      return Optional.empty();
    }
    for (IpFamily family : IpFamily.values()) {
      String field = data(family);
      if (annotations.containsKey(field)) {
        JsonNode data = json(annotations.get(field), field);
        if (data.path("PublicKey").isString()) {
          return Optional.of(key(field, data.path("PublicKey").stringValue()));
        }
      }
    }
    throw new IllegalArgumentException(BACKEND_DATA + " must hold a PublicKey");
  }

  private static WireGuardKey key(String field, String text) {
    try {
      return new WireGuardKey(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(field + ": " + e.getMessage(), e);
    }
  }

  private static JsonNode json(String text, String field) {
    if (text.length() > 1024) {
      throw new IllegalArgumentException(field + " is longer than 1024 characters");
    }
    try {
      return JSON.readTree(text);
    } catch (JacksonException e) {
      throw new IllegalArgumentException(field + " is not JSON", e);
    }
  }

  private static Map<String, String> of(String type, String data, IpAddress address) {
    Map<String, String> annotations = new TreeMap<>();
    annotations.put(BACKEND_TYPE, type);
    annotations.put(BACKEND_DATA, "null");
    annotations.put(data(address.family()), data);
    annotations.put(address(address.family()), address.toString());
    annotations.put(SUBNET_MANAGER, "true");
    return annotations;
  }

  /// What a node tells of its second VXLAN device beside [#vxlan].
  public static Map<String, String> secondVxlan(IpAddress address, int vni, MacAddress mac) {
    return Map.of(
        data(address.family()), data(vni, mac), address(address.family()), address.toString());
  }

  private static String data(int vni, MacAddress mac) {
    return "{\"VNI\":" + vni + ",\"VtepMAC\":\"" + mac + "\"}";
  }

  /// The VXLAN device that the annotations tell of, null if they tell of none. A second one, for
  /// the other family, is flannel's way: nodes that are like this one carry both families in one,
  /// whatever they announce for flannel's.
  ///
  /// @throws IllegalArgumentException if they tell of one that cannot be
  static ClusterNode.@Nullable Tunnel tunnel(Map<String, String> annotations, IpFamily family) {
    ClusterNode.Tunnel first = device(annotations, family);
    IpFamily other = family == IpFamily.IPV4 ? IpFamily.IPV6 : IpFamily.IPV4;
    if (first == null || annotations.containsKey(SENDS_BY)) {
      return first;
    }
    ClusterNode.Tunnel second = device(annotations, other);
    return second == null || second.vni() != first.vni()
        ? first
        : new ClusterNode.Tunnel(first.vni(), first.mac(), Optional.of(second.mac()));
  }

  private static ClusterNode.@Nullable Tunnel device(
      Map<String, String> annotations, IpFamily family) {
    String field = data(family);
    if (!"vxlan".equals(annotations.get(BACKEND_TYPE))) {
      return null;
    }
    String text = annotations.getOrDefault(field, "");
    if (family == IpFamily.IPV6 && !annotations.containsKey(field)) {
      return null;
    }
    JsonNode data = json(text, field);
    if (data.isNull()) {
      return null; // flannel's word for a device of the other family alone
    }
    JsonNode vni = data.path("VNI");
    JsonNode mac = data.path("VtepMAC");
    if (!vni.isInt() || vni.intValue() < 1 || vni.intValue() >= 1 << 24 || !mac.isString()) {
      throw new IllegalArgumentException(field + " must hold a VNI and a VtepMAC");
    }
    MacAddress address;
    try {
      address = MacAddress.parse(mac.stringValue());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(field + ": " + e.getMessage(), e);
    }
    boolean multicast = (address.bits() >>> 40 & 1) != 0;
    if (multicast || address.bits() == 0) {
      throw new IllegalArgumentException(field + ": " + address + " is no device's own");
    }
    return new ClusterNode.Tunnel(vni.intValue(), address);
  }
}
