"""SageMaker's operations that are not emulated: nothing would run for them, so none may report success.

One entry for each subject: what to do instead, and its operations. Operations that are neither here nor in
`operations.TABLE`, because botocore is newer than this table, are refused as well.
"""

from __future__ import annotations

from longshore.aws import service_model
from longshore.emulator.faults import AwsError, not_implemented

_SUBJECTS: dict[str, tuple[str, str]] = {
    "hyperparameter tuning": (
        "start a training job for each set of hyperparameters",
        """
        CreateHyperParameterTuningJob DeleteHyperParameterTuningJob DescribeHyperParameterTuningJob
        ListHyperParameterTuningJobs ListTrainingJobsForHyperParameterTuningJob
        StopHyperParameterTuningJob
        """,
    ),
    "automatic machine learning": (
        "start training jobs of your own algorithm",
        """
        CreateAutoMLJob CreateAutoMLJobV2 DescribeAutoMLJob DescribeAutoMLJobV2 ListAutoMLJobs
        ListCandidatesForAutoMLJob StopAutoMLJob
        """,
    ),
    "executions and versions of pipelines": (
        "call the operations of each step, such as CreateTrainingJob, yourself",
        """
        DescribePipelineDefinitionForExecution DescribePipelineExecution ListPipelineExecutionSteps
        ListPipelineParametersForExecution ListPipelineVersions RetryPipelineExecution
        SendPipelineExecutionStepFailure SendPipelineExecutionStepSuccess StartPipelineExecution
        StopPipelineExecution UpdatePipelineExecution UpdatePipelineVersion
        """,
    ),
    "compilation, optimization and edge devices": (
        "deploy the model as it is",
        """
        CreateCompilationJob CreateDeviceFleet CreateEdgeDeploymentPlan CreateEdgeDeploymentStage
        CreateEdgePackagingJob CreateOptimizationJob DeleteCompilationJob DeleteDeviceFleet
        DeleteEdgeDeploymentPlan DeleteEdgeDeploymentStage DeleteOptimizationJob DeregisterDevices
        DescribeCompilationJob DescribeDevice DescribeDeviceFleet DescribeEdgeDeploymentPlan
        DescribeEdgePackagingJob DescribeOptimizationJob GetDeviceFleetReport ListCompilationJobs
        ListDeviceFleets ListDevices ListEdgeDeploymentPlans ListEdgePackagingJobs ListOptimizationJobs
        ListStageDevices RegisterDevices StartEdgeDeploymentStage StopCompilationJob
        StopEdgeDeploymentStage StopEdgePackagingJob StopOptimizationJob UpdateDeviceFleet UpdateDevices
        """,
    ),
    "inference recommendations, inference experiments and benchmarks": (
        "invoke an endpoint and measure it yourself",
        """
        CreateAIBenchmarkJob CreateAIRecommendationJob CreateAIWorkloadConfig CreateInferenceExperiment
        CreateInferenceRecommendationsJob DeleteAIBenchmarkJob DeleteAIRecommendationJob
        DeleteAIWorkloadConfig DeleteInferenceExperiment DescribeAIBenchmarkJob
        DescribeAIRecommendationJob DescribeAIWorkloadConfig DescribeInferenceExperiment
        DescribeInferenceRecommendationsJob GetScalingConfigurationRecommendation ListAIBenchmarkJobs
        ListAIRecommendationJobs ListAIWorkloadConfigs ListInferenceExperiments
        ListInferenceRecommendationsJobSteps ListInferenceRecommendationsJobs StartInferenceExperiment
        StopAIBenchmarkJob StopAIRecommendationJob StopInferenceExperiment StopInferenceRecommendationsJob
        UpdateInferenceExperiment
        """,
    ),
    "inference components, routers and endpoint policies": (
        "give each model an endpoint or a production variant of its own",
        """
        CreateInferenceComponent CreateInferenceRouter DeleteEndpointPolicy DeleteInferenceComponent
        DeleteInferenceRouter DescribeInferenceComponent DescribeInferenceRouter GetEndpointPolicy
        ListInferenceComponents ListInferenceRouters PutEndpointPolicy UpdateInferenceComponent
        UpdateInferenceComponentRuntimeConfig UpdateInferenceRouter
        """,
    ),
    "labeling and workforces": (
        "bring labeled data to S3",
        """
        CreateFlowDefinition CreateHumanTaskUi CreateLabelingJob CreateWorkforce CreateWorkteam
        DeleteFlowDefinition DeleteHumanTaskUi DeleteWorkforce DeleteWorkteam DescribeFlowDefinition
        DescribeHumanTaskUi DescribeLabelingJob DescribeSubscribedWorkteam DescribeWorkforce
        DescribeWorkteam ListFlowDefinitions ListHumanTaskUis ListLabelingJobs ListLabelingJobsForWorkteam
        ListSubscribedWorkteams ListWorkforces ListWorkteams RenderUiTemplate StopLabelingJob
        UpdateWorkforce UpdateWorkteam
        """,
    ),
    "monitoring of models": (
        "start a processing job that analyzes your data",
        """
        CreateDataQualityJobDefinition CreateModelBiasJobDefinition CreateModelExplainabilityJobDefinition
        CreateModelQualityJobDefinition CreateMonitoringSchedule DeleteDataQualityJobDefinition
        DeleteModelBiasJobDefinition DeleteModelExplainabilityJobDefinition
        DeleteModelQualityJobDefinition DeleteMonitoringSchedule DescribeDataQualityJobDefinition
        DescribeModelBiasJobDefinition DescribeModelExplainabilityJobDefinition
        DescribeModelQualityJobDefinition DescribeMonitoringSchedule ListDataQualityJobDefinitions
        ListModelBiasJobDefinitions ListModelExplainabilityJobDefinitions ListModelQualityJobDefinitions
        ListMonitoringAlertHistory ListMonitoringAlerts ListMonitoringExecutions ListMonitoringSchedules
        StartMonitoringSchedule StopMonitoringSchedule UpdateMonitoringAlert UpdateMonitoringSchedule
        """,
    ),
    "MLflow, partner apps and projects": (
        "log to an MLflow server of your own",
        """
        CreateMlflowApp CreateMlflowTrackingServer CreatePartnerApp CreatePartnerAppPresignedUrl
        CreatePresignedMlflowAppUrl CreatePresignedMlflowTrackingServerUrl CreateProject DeleteMlflowApp
        DeleteMlflowTrackingServer DeletePartnerApp DeleteProject DescribeMlflowApp
        DescribeMlflowTrackingServer DescribePartnerApp DescribeProject
        DisableSagemakerServicecatalogPortfolio EnableSagemakerServicecatalogPortfolio
        GetSagemakerServicecatalogPortfolioStatus ListMlflowApps ListMlflowTrackingServers ListPartnerApps
        ListProjects StartMlflowTrackingServer StopMlflowTrackingServer UpdateMlflowApp
        UpdateMlflowTrackingServer UpdatePartnerApp UpdateProject
        """,
    ),
    "notebook instances, Studio and its images": (
        "run notebooks on this machine, with AWS_ENDPOINT_URL set",
        """
        CreateApp CreateAppImageConfig CreateDomain CreateImage CreateImageVersion CreateNotebookInstance
        CreatePresignedDomainUrl CreatePresignedNotebookInstanceUrl CreateSpace CreateUserProfile
        DeleteApp DeleteAppImageConfig DeleteDomain DeleteImage DeleteImageVersion DeleteNotebookInstance
        DeleteSpace DeleteUserProfile DescribeApp DescribeAppImageConfig DescribeDomain DescribeImage
        DescribeImageVersion DescribeNotebookInstance DescribeSpace DescribeUserProfile ListAliases
        ListAppImageConfigs ListApps ListDomains ListImageVersions ListImages ListNotebookInstances
        ListSpaces ListUserProfiles StartNotebookInstance StartSession StopNotebookInstance
        UpdateAppImageConfig UpdateDomain UpdateImage UpdateImageVersion UpdateNotebookInstance
        UpdateSpace UpdateUserProfile
        """,
    ),
    "clusters, training plans and training sessions": (
        "start training jobs with several instances",
        """
        AttachClusterNodeNetworkInterface AttachClusterNodeVolume BatchAddClusterNodes
        BatchDeleteClusterNodes BatchRebootClusterNodes BatchReplaceClusterNodes CreateCluster
        CreateClusterExtension CreateClusterSchedulerConfig CreateComputeQuota CreateTrainingPlan
        CreateTrainingSession DeleteCluster DeleteClusterExtension DeleteClusterSchedulerConfig
        DeleteComputeQuota DeleteTrainingSession DescribeCluster DescribeClusterEvent
        DescribeClusterExtension DescribeClusterNode DescribeClusterOperation
        DescribeClusterSchedulerConfig DescribeComputeQuota DescribeReservedCapacity DescribeTrainingPlan
        DescribeTrainingPlanExtensionHistory DescribeTrainingSession DetachClusterNodeVolume
        ExtendTrainingPlan ListClusterEvents ListClusterExtensionVersions ListClusterExtensions
        ListClusterNodes ListClusterOperations ListClusterSchedulerConfigs ListClusters ListComputeQuotas
        ListResourceCatalogs ListTrainingPlans ListTrainingSessions ListUltraServersByReservedCapacity
        SearchTrainingPlanOfferings StartClusterHealthCheck StopTrainingSession UpdateCluster
        UpdateClusterExtension UpdateClusterSchedulerConfig UpdateClusterSoftware UpdateComputeQuota
        """,
    ),
    "the feature store": (
        "read features from S3 in a channel of a training job",
        """
        CreateFeatureGroup DeleteFeatureGroup DescribeFeatureGroup DescribeFeatureMetadata
        ListFeatureGroups UpdateFeatureGroup UpdateFeatureMetadata
        """,
    ),
    "lineage": (
        "keep inputs and outputs in a trial component",
        """
        AddAssociation CreateAction CreateArtifact CreateContext DeleteAction DeleteArtifact
        DeleteAssociation DeleteContext DescribeAction DescribeArtifact DescribeContext
        DescribeLineageGroup GetLineageGroupPolicy ListActions ListArtifacts ListAssociations ListContexts
        ListLineageGroups QueryLineage UpdateAction UpdateArtifact UpdateContext
        """,
    ),
    "hubs and algorithms": (
        "name an image in a training job or a model",
        """
        CreateAlgorithm CreateHub CreateHubContentPresignedUrls CreateHubContentReference DeleteAlgorithm
        DeleteHub DeleteHubContent DeleteHubContentReference DescribeAlgorithm DescribeHub
        DescribeHubContent ImportHubContent ListAlgorithms ListHubContentVersions ListHubContents ListHubs
        ListModelMetadata UpdateHub UpdateHubContent UpdateHubContentReference
        """,
    ),
    "exports of model cards": (
        "read the card with DescribeModelCard",
        """
        CreateModelCardExportJob DescribeModelCardExportJob ListModelCardExportJobs
        """,
    ),
    "updates of running training jobs": (
        "stop the job and start another one",
        """
        UpdateTrainingJob
        """,
    ),
    "jobs of other kinds": (
        "start training, transform or processing jobs",
        """
        CreateJob DeleteJob DescribeJob DescribeJobSchemaVersion ListJobSchemaVersions ListJobs StopJob
        """,
    ),
    "suggestions for searches": (
        "call Search",
        """
        GetSearchSuggestions
        """,
    ),
}
REFUSED: dict[str, tuple[str, str]] = {
    operation: (subject, instead)
    for subject, (instead, operations) in _SUBJECTS.items()
    for operation in operations.split()
}


def refusal(operation: str) -> AwsError:
    """Return the error for an operation that is not emulated."""
    if operation in REFUSED:
        subject, instead = REFUSED[operation]
        return not_implemented(
            f"The emulator does not run {operation}: it does not emulate {subject}. Instead, {instead}."
        )
    if operation in service_model("sagemaker").operation_names:
        return not_implemented(f"The emulator does not run {operation}.")
    return AwsError("UnknownOperationException", f"SageMaker has no operation '{operation[:100]}'.")
