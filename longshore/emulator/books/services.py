"""The AWS services that moto may answer for, and their operations. Everything else is refused.

An operation is allowed if it only reads or changes records in this process's memory, starts nothing, connects
to nobody, and reports no work that did not run. docs/emulator-services.md explains the choice to users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Service(NamedTuple):
    """A service that moto answers for.

    Attributes:
        package: The name of moto's package; "" if the emulator has the operations itself.
        operations: The allowed operations. S3 has none here: its requests do not name their operation.
        target_prefix: What its X-Amz-Target headers begin with; "" if its clients send none.
        forms: Whether clients send forms that name the operation (the query and EC2 protocols).
        regional: Whether its records belong to one region.
        refused: Reasons for operations that users may miss.
    """

    package: str
    operations: frozenset[str] = frozenset()
    target_prefix: str = ""
    forms: bool = False
    regional: bool = True
    refused: Mapping[str, str] = {}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _because(reason: str, operations: str) -> dict[str, str]:
    return dict.fromkeys(operations.split(), reason)


_IAM = _names(
    "AddRoleToInstanceProfile AddUserToGroup AttachGroupPolicy AttachRolePolicy AttachUserPolicy "
    "CreateAccessKey CreateAccountAlias CreateGroup CreateInstanceProfile CreateOpenIDConnectProvider "
    "CreatePolicy CreatePolicyVersion CreateRole CreateServiceLinkedRole CreateUser DeleteAccessKey "
    "DeleteAccountAlias DeleteGroup DeleteGroupPolicy DeleteInstanceProfile DeleteOpenIDConnectProvider "
    "DeletePolicy DeletePolicyVersion DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy "
    "DeleteServiceLinkedRole DeleteUser DeleteUserPolicy DetachGroupPolicy DetachRolePolicy "
    "DetachUserPolicy GetAccessKeyLastUsed GetAccountSummary GetGroup "
    "GetGroupPolicy GetInstanceProfile GetOpenIDConnectProvider GetPolicy GetPolicyVersion GetRole "
    "GetRolePolicy GetServiceLinkedRoleDeletionStatus GetUser GetUserPolicy ListAccessKeys "
    "ListAccountAliases ListAttachedGroupPolicies ListAttachedRolePolicies ListAttachedUserPolicies "
    "ListEntitiesForPolicy ListGroupPolicies ListGroups ListGroupsForUser ListInstanceProfiles "
    "ListInstanceProfilesForRole ListOpenIDConnectProviderTags ListOpenIDConnectProviders ListPolicies "
    "ListPolicyTags ListPolicyVersions ListRolePolicies ListRoleTags ListRoles ListUserPolicies "
    "ListUserTags ListUsers PutGroupPolicy PutRolePermissionsBoundary PutRolePolicy PutUserPolicy "
    "RemoveRoleFromInstanceProfile RemoveUserFromGroup SetDefaultPolicyVersion SimulateCustomPolicy "
    "SimulatePrincipalPolicy TagInstanceProfile TagOpenIDConnectProvider TagPolicy TagRole TagUser "
    "UntagInstanceProfile UntagOpenIDConnectProvider UntagPolicy UntagRole UntagUser UpdateAccessKey "
    "UpdateAssumeRolePolicy UpdateGroup UpdateOpenIDConnectProviderThumbprint UpdateRole "
    "UpdateRoleDescription UpdateUser"
)
_STS = _names(
    "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity GetAccessKeyInfo GetCallerIdentity "
    "GetFederationToken GetSessionToken"
)
_ECR = _names(
    "BatchDeleteImage BatchGetImage CreateRepository DeleteLifecyclePolicy DeleteRegistryPolicy "
    "DeleteRepository DeleteRepositoryPolicy DescribeImages DescribeRegistry DescribeRepositories "
    "GetAuthorizationToken GetLifecyclePolicy GetRegistryPolicy GetRepositoryPolicy ListImages "
    "ListTagsForResource PutImage PutImageScanningConfiguration PutImageTagMutability PutLifecyclePolicy "
    "PutRegistryPolicy SetRepositoryPolicy TagResource UntagResource"
)
_LOGS = _names(
    "CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream DeleteMetricFilter DeleteResourcePolicy "
    "DeleteRetentionPolicy DescribeLogGroups DescribeLogStreams DescribeMetricFilters DescribeQueries "
    "DescribeResourcePolicies DescribeSubscriptionFilters FilterLogEvents GetLogEvents GetQueryResults "
    "ListLogGroups ListTagsForResource ListTagsLogGroup PutLogEvents PutMetricFilter PutResourcePolicy "
    "PutRetentionPolicy StartQuery TagLogGroup TagResource UntagLogGroup UntagResource"
)
_CLOUDWATCH = _names(
    "DeleteAlarms DeleteDashboards DescribeAlarms DescribeAlarmsForMetric DisableAlarmActions "
    "EnableAlarmActions GetDashboard GetMetricData GetMetricStatistics ListDashboards ListMetrics "
    "ListTagsForResource PutDashboard PutMetricAlarm PutMetricData SetAlarmState TagResource UntagResource"
)
_SNS = _names(
    "AddPermission CreateTopic DeleteTopic GetSubscriptionAttributes GetTopicAttributes ListSubscriptions "
    "ListSubscriptionsByTopic ListTagsForResource ListTopics Publish PublishBatch RemovePermission "
    "SetSubscriptionAttributes SetTopicAttributes Subscribe TagResource Unsubscribe UntagResource"
)
_SQS = _names(
    "AddPermission ChangeMessageVisibility ChangeMessageVisibilityBatch CreateQueue DeleteMessage "
    "DeleteMessageBatch DeleteQueue GetQueueAttributes GetQueueUrl ListDeadLetterSourceQueues "
    "ListQueueTags ListQueues PurgeQueue ReceiveMessage RemovePermission SendMessage SendMessageBatch "
    "SetQueueAttributes TagQueue UntagQueue"
)
_KMS = _names(
    "CancelKeyDeletion CreateAlias CreateGrant CreateKey Decrypt DeleteAlias DescribeKey DisableKey "
    "DisableKeyRotation EnableKey EnableKeyRotation Encrypt GenerateDataKey "
    "GenerateDataKeyWithoutPlaintext GenerateMac GenerateRandom GetKeyPolicy GetKeyRotationStatus "
    "GetPublicKey ListAliases ListGrants ListKeyPolicies ListKeyRotations ListKeys ListResourceTags "
    "ListRetirableGrants PutKeyPolicy ReEncrypt RetireGrant RevokeGrant RotateKeyOnDemand "
    "ScheduleKeyDeletion Sign TagResource UntagResource UpdateAlias UpdateKeyDescription Verify VerifyMac"
)
_AUTOSCALING = _names(
    "DeleteScalingPolicy DeleteScheduledAction DeregisterScalableTarget DescribeScalableTargets "
    "DescribeScalingActivities DescribeScalingPolicies DescribeScheduledActions PutScalingPolicy "
    "PutScheduledAction RegisterScalableTarget"
)
_EC2 = _names(
    "DescribeAccountAttributes DescribeAvailabilityZones DescribeInstanceTypeOfferings "
    "DescribeInstanceTypes DescribeNetworkAcls DescribeNetworkInterfaces DescribeRegions "
    "DescribeRouteTables DescribeSecurityGroups DescribeSubnets DescribeVpcEndpoints DescribeVpcs"
)
_SECRETS = _names(
    "BatchGetSecretValue CreateSecret DeleteResourcePolicy DeleteSecret DescribeSecret GetRandomPassword "
    "GetResourcePolicy GetSecretValue ListSecretVersionIds ListSecrets PutResourcePolicy PutSecretValue "
    "RestoreSecret TagResource UntagResource UpdateSecret UpdateSecretVersionStage"
)
_SSM = _names(
    "AddTagsToResource DeleteParameter DeleteParameters DescribeParameters GetParameter "
    "GetParameterHistory GetParameters GetParametersByPath LabelParameterVersion ListTagsForResource "
    "PutParameter RemoveTagsFromResource UnlabelParameterVersion"
)

# By signing name: what a client's signature calls the service.
SERVICES: dict[str, Service] = {
    "s3": Service("s3", regional=False),
    "sts": Service("sts", _STS, forms=True, regional=False),
    "iam": Service("iam", _IAM, forms=True, regional=False),
    "ecr": Service(
        "ecr",
        _ECR,
        "AmazonEC2ContainerRegistry_V20150921",
        refused=_because("no scanner looks at images", "StartImageScan DescribeImageScanFindings")
        | _because("it is no registry", "InitiateLayerUpload UploadLayerPart CompleteLayerUpload"),
    ),
    "logs": Service(
        "logs",
        _LOGS,
        "Logs_20140328",
        refused=_because(
            "log events are not sent to other services",
            "PutSubscriptionFilter PutDestination CreateDelivery CreateExportTask",
        ),
    ),
    "monitoring": Service("cloudwatch", _CLOUDWATCH, "GraniteServiceVersion20100801", forms=True),
    "sns": Service(
        "sns",
        _SNS,
        forms=True,
        refused=_because("it sends nothing to phones", "CreatePlatformApplication CreatePlatformEndpoint"),
    ),
    "sqs": Service("sqs", _SQS, "AmazonSQS", forms=True),
    "kms": Service("kms", _KMS, "TrentService"),
    "application-autoscaling": Service("applicationautoscaling", _AUTOSCALING, "AnyScaleFrontendService"),
    "ec2": Service("ec2", _EC2, forms=True, refused=_because("no instance is started", "RunInstances")),
    "secretsmanager": Service(
        "secretsmanager",
        _SECRETS,
        "secretsmanager",
        refused=_because("no function rotates secrets", "RotateSecret"),
    ),
    "ssm": Service(
        "ssm",
        _SSM,
        "AmazonSSM",
        refused=_because("nothing runs commands", "SendCommand StartAutomationExecution"),
    ),
    # Of the emulator's own records: see Books.operations.
    "tagging": Service("", _names("GetResources"), "ResourceGroupsTaggingAPI_20170126"),
}
PACKAGES = frozenset(service.package for service in SERVICES.values()) - {""}
