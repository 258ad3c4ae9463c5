// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.job;

import dev.fairway.controllers.loop.Cluster;
import dev.fairway.controllers.loop.Controller;
import dev.fairway.controllers.loop.Dependents;
import dev.fairway.controllers.loop.PodWriter;
import dev.fairway.controllers.objects.Owners;
import dev.fairway.controllers.objects.Pods;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.ObjectKey;
import dev.fairway.reconcile.WorkQueue;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.JobCondition;
import java.util.Collections;

/// Applies [JobPlan] whenever a Job or one of its pods changes.
public final class JobController implements Controller {
  private static final String COMPONENT = "job-controller";

  /// Pods without an owner are not adopted, so no selector is looked at.
  private static final Dependents<Job, Pod> PODS =
      new Dependents<>(Job.class, "Job", Pod.class, job -> null);

  private final Cluster cluster;
  private final PodWriter pods;
  private final WorkQueue<ObjectKey> queue;

  public JobController(Cluster cluster) {
    this.cluster = cluster;
    this.pods = new PodWriter(cluster, COMPONENT);
    this.queue = new WorkQueue<>(name(), 4, this::reconcile);
  }

  @Override
  public String name() {
    return "job";
  }

  @Override
  public void follow(ClusterFollower.Builder follower) {
    follower.follow(Job.class).follow(Pod.class);
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    PODS.wake(delta, image, queue::add);
  }

  private void reconcile(ObjectKey key) {
    Job job = cluster.get(Job.class, key).orElse(null);
    if (job == null || Owners.isBeingDeleted(job)) {
      return;
    }
    JobPlan plan = JobPlan.of(job, cluster.list(Pod.class, key.namespace()), cluster.now());
    if (plan.expired()) {
      cluster.delete(job);
      return;
    }
    if (!plan.status().equals(job.getStatus())) {
      boolean ends = JobPlan.finished(job).isEmpty();
      Job updated = cluster.updateStatus(new JobBuilder(job).withStatus(plan.status()).build());
      if (ends) {
        JobPlan.finished(updated).ifPresent(finish -> tell(job, finish));
      }
    }
    pods.delete(job, plan.delete());
    if (plan.create() > 0) {
      pods.create(job, Collections.nCopies(plan.create(), pod(job)));
    }
    plan.lookAgain().ifPresent(after -> queue.addAfter(key, after));
  }

  private void tell(Job job, JobCondition finish) {
    if (finish.getType().equals("Complete")) {
      cluster.events().normal(COMPONENT, job, "Completed", "Job completed");
    } else {
      cluster.events().warning(COMPONENT, job, finish.getReason(), finish.getMessage());
    }
  }

  private static Pod pod(Job job) {
    String name = job.getMetadata().getName();
    String uid = job.getMetadata().getUid();
    return new PodBuilder(Pods.fromTemplate(job.getSpec().getTemplate(), job))
        .editMetadata()
        .addToLabels("job-name", name)
        .addToLabels("batch.kubernetes.io/job-name", name)
        .addToLabels("controller-uid", uid)
        .addToLabels("batch.kubernetes.io/controller-uid", uid)
        .endMetadata()
        .build();
  }

  @Override
  public void close() {
    queue.close();
  }
}
