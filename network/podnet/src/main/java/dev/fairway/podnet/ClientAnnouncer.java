// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/// Tells by annotations and events in a cluster's API.
final class ClientAnnouncer implements PodNetwork.Announcer {
  private static final Logger LOG = LoggerFactory.getLogger(ClientAnnouncer.class);

  /// Events about Nodes are kept there (`k8s.io/client-go/tools/record`).
  private static final String NAMESPACE = "default";

  private final KubernetesClient client;
  private final JsonMapper json = new JsonMapper();

  ClientAnnouncer(KubernetesClient client) {
    this.client = client;
  }

  @Override
  public void announce(String nodeName, Map<String, String> annotations) {
    client
        .nodes()
        .withName(nodeName)
        // Its status, as the right to that is less than the right to the whole Node.
        .subresource("status")
        .patch(
            PatchContext.of(PatchType.JSON_MERGE),
            json.writeValueAsString(Map.of("metadata", Map.of("annotations", annotations))));
  }

  @Override
  public void warn(String nodeName, String reason, String message) {
    String now = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    try {
      client
          .v1()
          .events()
          .inNamespace(NAMESPACE)
          .resource(
              new EventBuilder()
                  .withNewMetadata()
                  .withGenerateName(nodeName + ".")
                  .withNamespace(NAMESPACE)
                  .endMetadata()
                  .withNewInvolvedObject()
                  .withApiVersion("v1")
                  .withKind("Node")
                  .withName(nodeName)
                  .withUid(nodeName)
                  .endInvolvedObject()
                  .withType("Warning")
                  .withReason(reason)
                  .withMessage(message.substring(0, Math.min(1000, message.length())))
                  .withFirstTimestamp(now)
                  .withLastTimestamp(now)
                  .withCount(1)
                  .withNewSource()
                  .withComponent("fairway-podnet")
                  .withHost(nodeName)
                  .endSource()
                  .build())
          .create();
    } catch (KubernetesClientException e) {
      LOG.warn("No event could be made of it: {}", e.getMessage());
    }
  }
}
