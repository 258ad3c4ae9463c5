// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAddress;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.ArrayList;
import java.util.List;

/// Cluster objects as an API server gives them.
final class Objects {
  private Objects() {}

  /// A pod that calls its ports as upstream's tests do, with the label `pod` of its name.
  static Pod pod(String namespace, String name, String node, int number) {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace(namespace)
        .withName(name)
        .withUid("uid-" + namespace + "-" + name)
        .addToLabels("pod", name)
        .endMetadata()
        .withNewSpec()
        .withNodeName(node)
        .addNewContainer()
        .withName("c")
        .addNewPort()
        .withName("serve-80-tcp")
        .withContainerPort(80)
        .endPort()
        .addNewPort()
        .withName("serve-81-udp")
        .withProtocol("UDP")
        .withContainerPort(81)
        .endPort()
        .endContainer()
        .endSpec()
        .withNewStatus()
        .withPhase("Running")
        .addNewPodIP("10.200.0." + number)
        .addNewPodIP("fd00:200::" + Integer.toHexString(number))
        .endStatus()
        .build();
  }

  static Namespace namespace(String name) {
    return new NamespaceBuilder()
        .withNewMetadata()
        .withName(name)
        .addToLabels("ns", name)
        .endMetadata()
        .build();
  }

  /// A policy `namespace/name` with a spec of YAML.
  static NetworkPolicy policy(String key, String spec) {
    int slash = key.indexOf('/');
    String yaml =
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: "
            + key.substring(0, slash)
            + ", name: "
            + key.substring(slash + 1)
            + "}\nspec:\n"
            + spec.indent(2);
    return Serialization.unmarshal(yaml, NetworkPolicy.class);
  }

  /// A cluster policy with a spec of YAML.
  static ClusterNetworkPolicy clusterPolicy(String name, String spec) {
    String yaml =
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: "
            + name
            + "}\nspec:\n"
            + spec.indent(2);
    return Serialization.unmarshal(yaml, ClusterNetworkPolicy.class);
  }

  static Node node(String name, String... addresses) {
    List<NodeAddress> told = new ArrayList<>();
    for (String address : addresses) {
      told.add(new NodeAddress(address, "InternalIP"));
    }
    return new NodeBuilder()
        .withNewMetadata()
        .withName(name)
        .addToLabels("node", name)
        .endMetadata()
        .withNewStatus()
        .withAddresses(told)
        .endStatus()
        .build();
  }
}
