// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import java.nio.file.Path;

/// Where a cluster's parts find their certificates: file names without ending, below
/// [ClusterPaths#pki], and the names of kubeconfigs.
public final class Pki {
  public static final String API_SERVER = "kube-apiserver";
  public static final String KUBELET_CLIENT = "kube-apiserver-kubelet-client";
  public static final String SERVICE_ACCOUNTS = "service-accounts";
  public static final String CONTROLLERS = "kube-controller-manager";
  public static final String SCHEDULER = "kube-scheduler";
  public static final String NODE = "node";
  public static final String ETCD_SERVER = "server";
  public static final String ETCD_PEER = "peer";
  public static final String ETCD_CLIENT = "apiserver-etcd-client";

  private Pki() {}

  public static String kubeletServer(Machine worker) {
    return "kubelet-" + worker.name();
  }

  public static Path authority(ClusterPaths paths) {
    return paths.pki().resolve("ca.crt");
  }

  public static Path certificate(ClusterPaths paths, String name) {
    return paths.pki().resolve(name + ".crt");
  }

  public static Path key(ClusterPaths paths, String name) {
    return paths.pki().resolve(name + ".key");
  }

  /// Where etcd's certificates are, by an authority of its own: whoever else has a certificate of
  /// the cluster may not read its store.
  public static Path etcd(ClusterPaths paths) {
    return paths.pki().resolve("etcd");
  }

  /// What is encrypted in the store, and with which keys.
  public static Path encryptionConfiguration(ClusterPaths paths) {
    return paths.pki().resolve("encryption-config.yaml");
  }

  /// The public half of the key that signs service-account tokens.
  public static Path tokenVerificationKey(ClusterPaths paths) {
    return paths.pki().resolve(SERVICE_ACCOUNTS + ".pub");
  }
}
