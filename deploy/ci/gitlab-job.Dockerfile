# The image of the jobs in gitlab-ci.yml: GitLab runs a job's script in a shell of the job's image, and the controller's own image has
# none. Any image with `sh` and `grep`, and without an entrypoint, serves as BASE; the controller is static.
# docker build --file deploy/ci/gitlab-job.Dockerfile --build-arg BASE=REF --tag registry.example/podproof/gitlab-job:0.1.0 .
ARG BASE
FROM registry.example/podproof/controller:0.1.0 AS controller
FROM ${BASE}
COPY --from=controller --chmod=0555 /controller /usr/local/bin/controller
