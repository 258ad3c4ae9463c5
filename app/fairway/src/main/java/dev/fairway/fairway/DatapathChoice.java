// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.podnet.PodNetwork;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.Subscriber;
import dev.fairway.traffic.NodeServices;
import dev.fairway.traffic.rules.ServicesConfig.Datapath;
import io.fabric8.kubernetes.api.model.ConfigMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Carries out Services by what the cluster's settings name. A name that is none changes nothing.
final class DatapathChoice implements Subscriber {
  private static final Logger LOG = LoggerFactory.getLogger(DatapathChoice.class);

  private final NodeServices services;

  DatapathChoice(NodeServices services) {
    this.services = services;
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    if (!delta.touches(ConfigMap.class)) {
      return;
    }
    String wanted =
        image
            .get(ConfigMap.class, PodNetwork.SETTINGS)
            .map(ConfigMap::getData)
            .map(Map::copyOf)
            .map(data -> data.get(PodNetworkObject.SERVICES))
            .orElse("");
    if (wanted.isBlank()) {
      return;
    }
    Datapath datapath;
    try {
      datapath = Datapath.of(wanted.strip());
    } catch (IllegalArgumentException e) {
      LOG.warn(
          "ConfigMap kube-system/{}, key {}: {}; Services stay as they are",
          PodNetworkObject.NAME,
          PodNetworkObject.SERVICES,
          e.getMessage());
      return;
    }
    services.use(datapath);
  }
}
